{{/* Names */}}

{{/* The chart's name, which is the value of the label app.kubernetes.io/name. */}}
{{- define "spanloop.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/*
The prefix of all names, at most 40 characters, because a CronJob's name may have 52 characters and a Job's name with its hash 63.
A longer prefix is cut and gets a hash, so that two releases with long names in one namespace do not share it.
*/}}
{{- define "spanloop.fullname" -}}
{{- $name := .Values.nameOverride | default .Chart.Name }}
{{- $full := .Values.fullnameOverride | default (ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name)) }}
{{- if gt (len $full) 40 }}
{{- printf "%s-%s" ($full | trunc 31 | trimSuffix "-") ($full | sha256sum | trunc 8) }}
{{- else }}
{{- $full }}
{{- end }}
{{- end }}

{{- define "spanloop.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}
{{- end }}

{{/* The Secret with the credentials that the backend asks for. */}}
{{- define "spanloop.basicAuthSecret" -}}
{{- .Values.basicAuth.existingSecret | default (printf "%s-basic-auth" (include "spanloop.fullname" .)) }}
{{- end }}

{{/* The Secret with the private key by which runs sign, and its certificate. */}}
{{- define "spanloop.signingSecret" -}}
{{- .Values.signatures.existingSecret | default (printf "%s-signing" (include "spanloop.fullname" .)) }}
{{- end }}

{{/* The port at which a component's pods answer: "backend", "extractor", "training" or "prelabel". */}}
{{- define "spanloop.port" -}}
{{- get (dict "backend" 9090 "extractor" 9091 "training" 9092 "prelabel" 9093) . }}
{{- end }}

{{/* Labels. All take (dict "root" $ "component" "backend"). */}}

{{- define "spanloop.selectorLabels" -}}
app.kubernetes.io/name: {{ include "spanloop.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* The labels of a pod. They have no versions, so a new chart with the same pods restarts none. */}}
{{- define "spanloop.podLabels" -}}
{{- $own := include "spanloop.selectorLabels" . | fromYaml }}
{{- $common := dict "app.kubernetes.io/part-of" "spanloop" "spanloop.dev/release" (include "spanloop.fullname" .root) }}
{{- $values := (index .root.Values .component | default dict).podLabels | default dict }}
{{- merge (dict) $own $common $values .root.Values.commonLabels | toYaml }}
{{- end }}

{{- define "spanloop.labels" -}}
{{- $own := include "spanloop.selectorLabels" . | fromYaml }}
{{- $common := dict
  "app.kubernetes.io/part-of" "spanloop"
  "app.kubernetes.io/version" .root.Chart.AppVersion
  "app.kubernetes.io/managed-by" .root.Release.Service
  "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_")
  "spanloop.dev/release" (include "spanloop.fullname" .root)
}}
{{- merge (dict) $own $common .root.Values.commonLabels | toYaml }}
{{- end }}

{{/* The metadata of an object: (dict "root" $ "component" "backend" "name" "…-backend"), and optionally "annotations". */}}
{{- define "spanloop.metadata" -}}
name: {{ .name }}
namespace: {{ .root.Release.Namespace }}
{{ include "spanloop.described" . }}
{{- end }}

{{/* The labels and annotations of an object. */}}
{{- define "spanloop.described" -}}
labels:
  {{- include "spanloop.labels" . | nindent 2 }}
{{- with merge (dict) (.annotations | default dict) .root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The annotations of a pod: the component's own and, with monitoring.scrape=annotations, those by which Prometheus finds it. (dict "root" "component") */}}
{{- define "spanloop.podAnnotations" -}}
{{- $scrape := dict }}
{{- if eq .root.Values.monitoring.scrape "annotations" }}
{{- $scrape = dict "prometheus.io/scrape" "true" "prometheus.io/port" (include "spanloop.port" .component) "prometheus.io/path" "/metrics" }}
{{- end }}
{{- with merge (dict) (index .root.Values .component).podAnnotations $scrape }}
{{- toYaml . }}
{{- end }}
{{- end }}

{{/* Pod Security "restricted", and in addition a read-only root file system: programs write only to volumes. */}}

{{- define "spanloop.podSecurityContext" -}}
runAsNonRoot: true
{{- with .Values.runAsUser }}
{{- $user := int . }}
runAsUser: {{ $user }}
runAsGroup: {{ $user }}
# The program's group may write to the volumes.
fsGroup: {{ $user }}
fsGroupChangePolicy: OnRootMismatch
{{- end }}
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "spanloop.securityContext" -}}
allowPrivilegeEscalation: false
privileged: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "spanloop.imagePullSecrets" -}}
{{- $names := .Values.image.pullSecrets }}
{{- if and .Values.registry.imagePullSecret .Values.registry.existingSecret }}
{{- $names = append $names .Values.registry.existingSecret }}
{{- end }}
{{- with $names | uniq }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{/* The fields that all containers of the image share. */}}
{{- define "spanloop.container" -}}
image: {{ include "spanloop.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  {{- include "spanloop.securityContext" . | nindent 2 }}
{{- end }}

{{/* Not empty if model.name is a name on the hub. */}}
{{- define "spanloop.modelOnHub" -}}
{{- if and .Values.model.name (not (hasPrefix "/" .Values.model.name)) }}yes{{ end }}
{{- end }}

{{/* Requests and limits. GPUs are requested by their limit. */}}
{{- define "spanloop.resources" -}}
{{- $values := index .root.Values .component }}
{{- $resources := deepCopy ($values.resources | default dict) }}
{{- with $values.gpu }}
{{- if gt (int .count) 0 }}
{{- $limits := merge (dict .resourceName (int .count)) ($resources.limits | default dict) }}
{{- $resources = merge (dict "limits" $limits) $resources }}
{{- end }}
{{- end }}
{{- toYaml $resources }}
{{- end }}

{{/* Where a pod may run: (dict "root" $ "component" "extractor"). */}}
{{- define "spanloop.scheduling" -}}
{{- $values := index .root.Values .component }}
{{- $gpu := dict }}
{{- with $values.gpu }}{{ if gt (int .count) 0 }}{{ $gpu = . }}{{ end }}{{ end }}
{{- with $gpu.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- with merge (dict) $values.nodeSelector ($gpu.nodeSelector | default dict) }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with concat $values.tolerations ($gpu.tolerations | default list) }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- range . }}
  {{- $selector := dict "matchLabels" (include "spanloop.selectorLabels" $ | fromYaml) }}
  - {{ merge (dict) . (dict "labelSelector" $selector) | toYaml | nindent 4 | trim }}
  {{- end }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{/* A pause before SIGTERM. During the pause Services learn that the pod ends. Without it they would send it requests that it refuses. */}}
{{- define "spanloop.preStop" -}}
preStop:
  exec:
    command: [python, -c, "import time; time.sleep(5)"]
{{- end }}
