{{- define "uneri.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "uneri.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "uneri.labels" -}}
{{ include "uneri.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- /* "yes" with the Kafka driver: a section without contents selects it too. */ -}}
{{- define "uneri.kafka" -}}
{{- if hasKey .Values.config "kafka" }}yes{{ end -}}
{{- end -}}

{{- define "uneri.section" -}}
{{- if include "uneri.kafka" . }}web{{ else }}local{{ end -}}
{{- end -}}

{{- define "uneri.port" -}}
{{- if include "uneri.kafka" . }}8766{{ else }}8765{{ end -}}
{{- end -}}

{{- /* HTTPS when the configuration names a certificate. */ -}}
{{- define "uneri.scheme" -}}
{{- $section := get .Values.config (include "uneri.section" .) | default dict -}}
{{- if get $section "tls" }}HTTPS{{ else }}HTTP{{ end -}}
{{- end -}}

{{- define "uneri.config" -}}
{{- $name := include "uneri.section" . -}}
{{- $section := deepCopy (get .Values.config $name | default dict) -}}
{{- $_ := set $section "listen" (printf "0.0.0.0:%s" (include "uneri.port" .)) -}}
{{- if eq $name "local" }}{{ $_ := set $section "state" "/var/lib/uneri/state" }}{{ end -}}
{{- if not (or .Values.secretName (get $section "insecure") (get .Values.config "tokens")) -}}
{{- fail (printf "a daemon that listens on a network needs tokens: set secretName to a Secret with UNERI_READ_TOKEN%s, or config.%s.insecure to true on a closed network" (ternary " and UNERI_INTAKE_TOKEN" "" (eq $name "local")) $name) -}}
{{- end -}}
{{- toYaml (merge (dict $name $section) (omit .Values.config $name)) -}}
{{- end -}}

{{- /* The workers as a map; the embedded daemon is one without roles. */ -}}
{{- define "uneri.workers" -}}
{{- if include "uneri.kafka" . -}}
{{- toYaml (.Values.workers | default (dict "all" (dict "replicas" 2))) -}}
{{- else if .Values.workers -}}
{{- fail "workers apply to Kafka only: add config.kafka, or remove workers (the embedded daemon is one process)" -}}
{{- else -}}
{{- toYaml (dict "all" (dict "replicas" 1)) -}}
{{- end -}}
{{- end -}}
