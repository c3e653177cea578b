{{/*
The one container, for the cluster and for the nodes. Takes root (the chart's context), values (where resources and extras are
read from), args, env and mounts.
*/}}
{{- define "notafter.container" -}}
- name: notafter
  image: {{ include "notafter.image" .root | quote }}
  imagePullPolicy: {{ .root.Values.image.pullPolicy }}
  args:
    - run
    - --config=/etc/notafter/notafter.toml
    - --listen={{ .root.Values.listenAddress }}:9849
    {{- if .root.Values.web.secretName }}
    - --web-config=/etc/notafter-web/web.yml
    {{- end }}
    - --log-level={{ .root.Values.logging.level }}
    - --log-format={{ .root.Values.logging.format }}
    {{- range concat .args .values.extraArgs }}
    - {{ . | quote }}
    {{- end }}
  env:
    - name: STATE_DIRECTORY
      value: /var/lib/notafter
    - name: CACHE_DIRECTORY
      value: /var/cache/notafter
    # One heap: what threads free goes back to all of them. 5 % less memory, no time.
    - name: MALLOC_ARENA_MAX
      value: "1"
    {{- range .env }}
    - {{ toYaml . | nindent 6 | trim }}
    {{- end }}
    {{- with .values.extraEnv }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  ports:
    - name: metrics
      containerPort: 9849
      protocol: TCP
  livenessProbe:
    {{- include "notafter.probe" (dict "web" .root.Values.web "path" "/-/healthy") | nindent 4 }}
    {{- toYaml .root.Values.livenessProbe | nindent 4 }}
  readinessProbe:
    {{- include "notafter.probe" (dict "web" .root.Values.web "path" "/-/ready") | nindent 4 }}
    {{- toYaml .root.Values.readinessProbe | nindent 4 }}
  resources:
    {{- toYaml .values.resources | nindent 4 }}
  securityContext:
    allowPrivilegeEscalation: false
    readOnlyRootFilesystem: true
    capabilities:
      drop: [ALL]
  volumeMounts:
    - name: config
      mountPath: /etc/notafter
      readOnly: true
    {{- if .root.Values.web.secretName }}
    - name: web
      mountPath: /etc/notafter-web
      readOnly: true
    {{- end }}
    - name: state
      mountPath: /var/lib/notafter
    - name: cache
      mountPath: /var/cache/notafter
    {{- with concat .mounts .values.extraVolumeMounts }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}

{{/* How the kubelet asks. Where clients are asked for what it has not, it only connects. */}}
{{- define "notafter.probe" -}}
{{- if not .web.secretName -}}
httpGet: { path: {{ .path }}, port: metrics }
{{- else if .web.asksClients -}}
tcpSocket: { port: metrics }
{{- else -}}
httpGet: { path: {{ .path }}, port: metrics, scheme: {{ ternary "HTTPS" "HTTP" .web.tls }} }
{{- end -}}
{{- end -}}

{{/* The Secret with web.yml: for the program's group, not for everybody. */}}
{{- define "notafter.webVolume" -}}
- name: web
  secret:
    secretName: {{ .Values.web.secretName }}
    defaultMode: 0440
{{- end -}}

{{- define "notafter.securityContext" -}}
{{- if .asRoot }}
runAsUser: 0
runAsGroup: 0
{{- else }}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
{{- end }}
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "notafter.placement" -}}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .topologySpreadConstraints }}
topologySpreadConstraints:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
