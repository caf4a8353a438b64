{{/*
A container's environment: the chart's own variables ("env", YAML), then extraEnv, then the component's extraEnv. A later variable replaces an
earlier one of the same name, because server-side apply refuses a name twice. (dict "root" $ "component" "backend" "env" …)
*/}}
{{- define "spanloop.environment" -}}
{{- $byName := dict }}
{{- $names := list }}
{{- range concat (.env | fromYamlArray) .root.Values.extraEnv (index .root.Values .component).extraEnv }}
{{- $_ := set $byName .name . }}
{{- $names = append $names .name }}
{{- end }}
{{- range $names | uniq }}
- {{ index $byName . | toYaml | nindent 2 | trim }}
{{- end }}
{{- end }}

{{/* The variables of all programs. BENTOML_HOME is here because BentoML reads it before any code of ours runs. */}}
{{- define "spanloop.env" -}}
- name: SPANLOOP_HOME
  value: /var/lib/spanloop
- name: BENTOML_HOME
  value: /var/lib/spanloop/bentoml
- name: BENTOML_DO_NOT_TRACK
  value: "True"
{{- /* The root file system is read-only, so libraries keep their caches in /tmp. */}}
- name: HOME
  value: /tmp
- name: SPANLOOP_LOG_JSON
  value: {{ .Values.logJson | quote }}
- name: SPANLOOP_MODEL
  value: {{ .Values.model.name | quote }}
- name: SPANLOOP_WINDOW_WORDS
  value: {{ .Values.model.windowWords | quote }}
- name: SPANLOOP_THRESHOLD
  value: {{ .Values.model.threshold | quote }}
{{- with .Values.registry.url }}
- name: SPANLOOP_REGISTRY
  value: {{ . | quote }}
- name: SPANLOOP_REGISTRY_PLAIN_HTTP
  value: {{ $.Values.registry.plainHttp | quote }}
{{- end }}
{{- end }}

{{/* The registry's credentials, for containers that pull or push. The extractor's main container does not get them. */}}
{{- define "spanloop.registryEnv" -}}
{{- if .Values.registry.existingSecret }}
- name: DOCKER_CONFIG
  value: /etc/spanloop/registry
{{- end }}
{{- end }}

{{/* For the programs that verify versions. */}}
{{- define "spanloop.signaturesEnv" -}}
- name: SPANLOOP_VERIFY
  {{- /* YAML reads a bare `off` as false. */}}
  value: {{ .Values.signatures.verify | default "off" | quote }}
- name: SPANLOOP_TRUSTED_KEYS
  value: /etc/spanloop/trusted-keys
{{- end }}

{{/* Where Label Studio is. */}}
{{- define "spanloop.labelStudioUrls" -}}
{{- with .Values.labelStudio.url }}
- name: SPANLOOP_LABEL_STUDIO_URL
  value: {{ . | quote }}
{{- end }}
{{- with .Values.labelStudio.publicUrl }}
- name: SPANLOOP_LABEL_STUDIO_PUBLIC_URL
  value: {{ . | quote }}
{{- end }}
{{- end }}

{{/* For runs and pre-labellings. A pod of theirs has the key of the time when it started. */}}
{{- define "spanloop.labelStudioEnv" -}}
{{- include "spanloop.labelStudioUrls" . }}
{{- with .Values.labelStudio.existingSecret }}
- name: SPANLOOP_LABEL_STUDIO_API_KEY
  valueFrom:
    secretKeyRef:
      name: {{ . }}
      key: {{ $.Values.labelStudio.secretKey }}
{{- end }}
{{- end }}

{{/* For the programs that read texts: the hosts from which they fetch those at an address. */}}
{{- define "spanloop.textEnv" -}}
{{- with .Values.textHosts }}
- name: SPANLOOP_TEXT_HOSTS
  value: {{ join "," . | quote }}
{{- end }}
{{- end }}

{{/* The backend's credentials, for runs, which ask it which version is live, and for pre-labellings. */}}
{{- define "spanloop.basicAuthEnv" -}}
{{- if .Values.basicAuth.enabled }}
- name: SPANLOOP_BASIC_AUTH_USERNAME
  valueFrom:
    secretKeyRef:
      name: {{ include "spanloop.basicAuthSecret" . }}
      key: username
- name: SPANLOOP_BASIC_AUTH_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ include "spanloop.basicAuthSecret" . }}
      key: password
{{- end }}
{{- end }}

{{/* More variables of a program that loads a model: (dict "root" $ "component" "extractor"). */}}
{{- define "spanloop.modelEnv" -}}
- name: HF_HOME
  value: /var/lib/spanloop/huggingface
- name: SPANLOOP_CONVERT_PICKLE
  value: {{ .root.Values.model.convertPickle | quote }}
{{- if not (include "spanloop.modelOnHub" .root) }}
{{- /* The model is not on the hub, so no program may wait for the hub. */}}
- name: HF_HUB_OFFLINE
  value: "1"
{{- end }}
- name: SPANLOOP_THREADS
  {{- with (index .root.Values .component).threads }}
  value: {{ . | quote }}
  {{- else }}
  {{- /* The CPU limit of this container instead of the node's processors. */}}
  valueFrom:
    resourceFieldRef:
      containerName: {{ .component }}
      resource: limits.cpu
  {{- end }}
{{- end }}
