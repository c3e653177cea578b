{{/* A value of Helm's as one of TOML's. JSON's strings, numbers, booleans and lists of these are TOML, too; tables are not. */}}
{{- define "notafter.toml" -}}
{{- if kindIs "map" . -}}
{ {{- range $i, $key := keys . | sortAlpha }}{{ if $i }},{{ end }} {{ toJson $key }} = {{ include "notafter.toml" (get $ $key) }}{{ end }} }
{{- else if kindIs "slice" . -}}
[{{ range $i, $item := . }}{{ if $i }}, {{ end }}{{ include "notafter.toml" $item }}{{ end }}]
{{- else -}}
{{ toJson . }}
{{- end -}}
{{- end -}}

{{/* notafter.toml; empty when there is nothing to watch beside the nodes' files. */}}
{{- define "notafter.config" -}}
{{- if .Values.config -}}
{{ .Values.config }}
{{- else -}}
{{- with .Values.cluster -}}
{{- if .enabled -}}
[sources.{{ toJson .name }}]
type = "kubernetes"
kinds = {{ include "notafter.toml" .kinds }}
{{- with .presets }}
presets = {{ include "notafter.toml" . }}
{{- end }}
{{- with .namespaces }}
namespaces = {{ include "notafter.toml" . }}
{{- end }}
{{- $settings := .settings }}
{{- range $key := keys $settings | sortAlpha }}
{{ $key }} = {{ include "notafter.toml" (get $settings $key) }}
{{- end }}
{{- end -}}
{{- end -}}
{{- with .Values.extraConfig }}

{{ . }}
{{- end -}}
{{- end -}}
{{- end -}}
