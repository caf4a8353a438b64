{{/*
A container's environment, where a later variable of the same name replaces an earlier one: the chart's own ("env", YAML), then extraEnv,
then the component's extraEnv. Each name once: server-side apply refuses a list with two. (dict "root" $ "component" "backend" "env" …)
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

{{/* What all programs have. BENTOML_HOME is here because BentoML reads it before any code of ours runs. */}}
{{- define "spanloop.env" -}}
- name: SPANLOOP_HOME
  value: /var/lib/spanloop
- name: BENTOML_HOME
  value: /var/lib/spanloop/bentoml
- name: BENTOML_DO_NOT_TRACK
  value: "True"
{{- /* The root file system is read-only: libraries keep their caches where there is room. */}}
- name: HOME
  value: /tmp
- name: SPANLOOP_LOG_JSON
  value: {{ .Values.logJson | quote }}
- name: SPANLOOP_MODEL
  value: {{ .Values.model.name | quote }}
- name: SPANLOOP_THRESHOLD
  value: {{ .Values.model.threshold | quote }}
{{- with .Values.registry.url }}
- name: SPANLOOP_REGISTRY
  value: {{ . | quote }}
- name: SPANLOOP_REGISTRY_PLAIN_HTTP
  value: {{ $.Values.registry.plainHttp | quote }}
{{- end }}
{{- end }}

{{/* Who pulls or pushes also has the registry's credentials; who runs a model on texts alone has not. */}}
{{- define "spanloop.registryEnv" -}}
{{- if .Values.registry.existingSecret }}
- name: DOCKER_CONFIG
  value: /etc/spanloop/registry
{{- end }}
{{- end }}

{{- define "spanloop.labelStudioEnv" -}}
{{- with .Values.labelStudio.url }}
- name: SPANLOOP_LABEL_STUDIO_URL
  value: {{ . | quote }}
{{- end }}
{{- with .Values.labelStudio.existingSecret }}
- name: SPANLOOP_LABEL_STUDIO_API_KEY
  valueFrom:
    secretKeyRef:
      name: {{ . }}
      key: {{ $.Values.labelStudio.secretKey }}
{{- end }}
{{- end }}

{{/* Of the backend, and of a run that asks it what is live. */}}
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

{{/* What a program with a model needs besides: (dict "root" $ "component" "extractor"). */}}
{{- define "spanloop.modelEnv" -}}
- name: HF_HOME
  value: /var/lib/spanloop/huggingface
{{- if not (include "spanloop.modelOnHub" .root) }}
{{- /* Nothing of this release is on the hub: never wait for it. */}}
- name: HF_HUB_OFFLINE
  value: "1"
{{- end }}
- name: SPANLOOP_THREADS
  {{- with (index .root.Values .component).threads }}
  value: {{ . | quote }}
  {{- else }}
  {{- /* The quota of this container, not the node's processors. */}}
  valueFrom:
    resourceFieldRef:
      containerName: {{ .component }}
      resource: limits.cpu
  {{- end }}
{{- end }}
