{{- /* What the daemon and the setup have in common: (list root arguments). */ -}}
{{- define "uneri.container" -}}
{{- $ := index . 0 -}}
{{- with $.Values.image }}
image: "{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}"
{{- end }}
imagePullPolicy: {{ $.Values.image.pullPolicy }}
args: {{ index . 1 | toJson }}
env:
  - name: UNERI_WORKER
    valueFrom: {fieldRef: {fieldPath: metadata.name}}
  {{- with $.Values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with $.Values.secretName }}
envFrom:
  - secretRef: {name: {{ . }}}
{{- end }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
volumeMounts:
  - {name: config, mountPath: /etc/uneri, readOnly: true}
  - {name: state, mountPath: /var/lib/uneri}
  - {name: tmp, mountPath: /tmp}
  {{- with $.Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}
