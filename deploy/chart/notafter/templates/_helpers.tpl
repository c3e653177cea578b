{{- define "notafter.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "notafter.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains (include "notafter.name" .) .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "notafter.name" .) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What never changes over upgrades. */}}
{{- define "notafter.selector" -}}
app.kubernetes.io/name: {{ include "notafter.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "notafter.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "notafter.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "notafter.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "notafter.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "notafter.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ default $.Chart.AppVersion .tag }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Shards and volumes of their own need stable names. */}}
{{- define "notafter.stateful" -}}
{{- if or .Values.persistence.enabled (gt (int .Values.sharding.totalShards) 1) -}}true{{- end -}}
{{- end -}}

{{/* The groups of alerts/ as they stand there, and the user's own. */}}
{{- define "notafter.ruleGroups" -}}
{{- $groups := list -}}
{{- range $path, $_ := .Files.Glob "alerts/*.yml" -}}
{{- if or $.Values.prometheusRule.seed (ne (base $path) "seed.yml") -}}
{{- $groups = concat $groups (fromYaml ($.Files.Get $path)).groups -}}
{{- end -}}
{{- end -}}
{{- toYaml (concat $groups .Values.prometheusRule.extraGroups) -}}
{{- end -}}
