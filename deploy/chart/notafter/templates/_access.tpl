{{/*
What the configuration needs of the API server, as a JSON object of scopes: "*" for all namespaces and cluster-scoped things, else
a namespace. Read from the configuration itself, so that the rights and the sources cannot differ. Sources with a kubeconfig use
the credentials in it and need nothing here. docs/KUBERNETES.md says what each rule is for.
*/}}
{{- define "notafter.access" -}}
{{- $config := fromToml (include "notafter.config" .) -}}
{{- with $config.Error }}{{ fail (printf "the configuration is no TOML: %s" .) }}{{ end -}}
{{- $all := list "*" -}}
{{- $resources := fromYaml (include "notafter.resources" .) -}}
{{- $grants := dict -}}
{{- range $name, $source := $config.sources | default dict -}}
{{- if and (eq ($source.type | toString) "kubernetes") (not $source.kubeconfig) -}}
  {{- $scopes := $source.namespaces | default $all -}}
  {{- $kinds := $source.kinds | default (list "secret") -}}
  {{- $presets := $source.presets | default list -}}
  {{- if has "cert-manager" $presets }}{{ $kinds = append $kinds "certificate" }}{{ end -}}
  {{- if has "nginx-ingress" $presets }}{{ $kinds = append $kinds "ingress" }}{{ end -}}
  {{- if has "istio" $presets }}{{ $kinds = append $kinds "istio" }}{{ end -}}
  {{- if has "linkerd" $presets }}{{ $kinds = append $kinds "linkerd" }}{{ end -}}
  {{- if and (has "certificate" $kinds) (not (has "secret" $kinds)) }}{{ $kinds = append $kinds "certificate_request" }}{{ end -}}
  {{- range $kind := $kinds -}}
    {{- range $resource := get $resources $kind | default list -}}
      {{- range $scope := ternary $all $scopes ($resource.clusterScoped | default false) -}}
        {{- include "notafter.grant" (dict "grants" $grants "scope" $scope "resource" $resource "watch" true) -}}
      {{- end -}}
    {{- end -}}
  {{- end -}}
  {{- $namespaces := not (empty $source.namespace_selector) -}}
  {{- $labelled := or (has "secret" $kinds) (has "configmap" $kinds) (has "istio" $kinds) (has "linkerd" $kinds) -}}
  {{- range $label, $from := ternary ($source.labels_from | default dict) dict $labelled -}}
    {{- range $from -}}
      {{- if or (hasPrefix "namespace_label:" .) (hasPrefix "namespace_annotation:" .) }}{{ $namespaces = true }}{{ end -}}
    {{- end -}}
  {{- end -}}
  {{- if $namespaces -}}
    {{- include "notafter.grant" (dict "grants" $grants "scope" "*" "resource" (dict "group" "" "resource" "namespaces") "watch" true) -}}
  {{- end -}}
  {{- range $ref := $source.passphrase_refs | default list -}}
    {{- if $ref.secret -}}
      {{- $parts := splitList "/" $ref.secret -}}
      {{- $resource := dict "group" "" "resource" "secrets" "name" (last $parts) -}}
      {{- range $scope := ternary (list (first $parts)) $scopes (eq (len $parts) 2) -}}
        {{- include "notafter.grant" (dict "grants" $grants "scope" $scope "resource" $resource "watch" false) -}}
      {{- end -}}
    {{- end -}}
  {{- end -}}
{{- else if eq ($source.type | toString) "tls" -}}
  {{- range $discovery := $source.kubernetes_sd | default list -}}
    {{- if not $discovery.kubeconfig -}}
      {{- range $from := $discovery.from | default list -}}
        {{- range $resource := get $resources $from | default list -}}
          {{- range $scope := $discovery.namespaces | default $all -}}
            {{- include "notafter.grant" (dict "grants" $grants "scope" $scope "resource" $resource "watch" false) -}}
          {{- end -}}
        {{- end -}}
      {{- end -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end -}}
{{- $rules := dict -}}
{{- range $scope := keys $grants | sortAlpha -}}
  {{- $list := list -}}
  {{- $mine := get $grants $scope -}}
  {{- range $key := keys $mine | sortAlpha -}}
    {{- $grant := get $mine $key -}}
    {{- if not (include "notafter.covered" (dict "grants" $grants "scope" $scope "grant" $grant)) -}}
      {{- $rule := dict "apiGroups" (list $grant.group) "resources" (list $grant.resource) "verbs" (ternary (list "list" "watch") (list "list") $grant.watch) -}}
      {{- if $grant.name }}{{ $_ := set $rule "resourceNames" (list $grant.name) }}{{ end -}}
      {{- $list = append $list $rule -}}
    {{- end -}}
  {{- end -}}
  {{- if $list }}{{ $_ := set $rules $scope $list }}{{ end -}}
{{- end -}}
{{- toJson $rules -}}
{{- end -}}

{{/* Which resources a kind reads, and of which single objects. */}}
{{- define "notafter.resources" -}}
secret:
  - { group: "", resource: secrets }
configmap:
  - { group: "", resource: configmaps }
webhook:
  - { group: admissionregistration.k8s.io, resource: mutatingwebhookconfigurations, clusterScoped: true }
  - { group: admissionregistration.k8s.io, resource: validatingwebhookconfigurations, clusterScoped: true }
api_service:
  - { group: apiregistration.k8s.io, resource: apiservices, clusterScoped: true }
crd:
  - { group: apiextensions.k8s.io, resource: customresourcedefinitions, clusterScoped: true }
csr:
  - { group: certificates.k8s.io, resource: certificatesigningrequests, clusterScoped: true }
certificate:
  - { group: cert-manager.io, resource: certificates }
certificate_request:
  - { group: cert-manager.io, resource: certificaterequests }
ingress:
  - { group: networking.k8s.io, resource: ingresses }
gateway:
  - { group: gateway.networking.k8s.io, resource: gateways }
pod:
  - { group: "", resource: pods }
service:
  - { group: "", resource: services }
istio:
  - { group: "", resource: configmaps, name: istio-ca-root-cert }
  - { group: networking.istio.io, resource: gateways }
linkerd:
  - { group: "", resource: configmaps, name: linkerd-identity-trust-roots }
{{- end -}}

{{- define "notafter.grant" -}}
{{- $scope := get .grants .scope | default dict -}}
{{- $name := .resource.name | default "" -}}
{{- $key := printf "%s %s %s" .resource.group .resource.resource $name -}}
{{- $old := get $scope $key | default dict -}}
{{- $watch := or .watch ($old.watch | default false) -}}
{{- $_ := set $scope $key (dict "group" .resource.group "resource" .resource.resource "name" $name "watch" $watch) -}}
{{- $_ := set .grants .scope $scope -}}
{{- end -}}

{{/* "true" when another grant gives the same or more: without a name, or in all namespaces. */}}
{{- define "notafter.covered" -}}
{{- $grant := .grant -}}
{{- $scope := .scope -}}
{{- $grants := .grants -}}
{{- range $wider := list $scope "*" -}}
  {{- range $name := list $grant.name "" -}}
    {{- if or (ne $wider $scope) (ne $name $grant.name) -}}
      {{- $other := get (get $grants $wider | default dict) (printf "%s %s %s" $grant.group $grant.resource $name) | default dict -}}
      {{- if and $other (or $other.watch (not $grant.watch)) }}true{{ end -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end -}}
