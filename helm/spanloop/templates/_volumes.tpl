{{/* What all containers mount: (dict "root" $ "claim" "where home is on one"). */}}
{{- define "spanloop.volumeMounts" -}}
- name: tmp
  mountPath: /tmp
- name: home
  mountPath: /var/lib/spanloop
{{- if .claim }}
# Of each pod alone, even where home is on a claim: what BentoML keeps there is of one process.
- name: bentoml
  mountPath: /var/lib/spanloop/bentoml
{{- end }}
{{- with .root.Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "spanloop.volumes" -}}
- name: tmp
  emptyDir: {}
- name: home
  {{- if .claim }}
  persistentVolumeClaim:
    claimName: {{ .claim }}
- name: bentoml
  emptyDir: {}
  {{- else }}
  emptyDir: {}
  {{- end }}
{{- with .root.Values.registry.existingSecret }}
- name: registry
  secret:
    secretName: {{ . }}
    items:
      - key: .dockerconfigjson
        path: config.json
{{- end }}
{{- with .root.Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The claim that a component's home is on, or nothing: (dict "root" $ "component" "training"). */}}
{{- define "spanloop.claimName" -}}
{{- with (index .root.Values .component).persistence }}
{{- if .enabled }}
{{- .existingClaim | default (printf "%s-%s" (include "spanloop.fullname" $.root) $.component) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "spanloop.registryMount" -}}
{{- if .Values.registry.existingSecret }}
- name: registry
  mountPath: /etc/spanloop/registry
  readOnly: true
{{- end }}
{{- end }}

{{- define "spanloop.modelVolumeMount" -}}
{{- if .Values.model.volume }}
- name: models
  mountPath: {{ .Values.model.mountPath }}
  readOnly: true
{{- end }}
{{- end }}

{{- define "spanloop.modelVolume" -}}
{{- with .Values.model.volume }}
- name: models
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* One claim: (dict "root" $ "component" "training" "name" "…"). */}}
{{- define "spanloop.claim" -}}
{{- $values := (index .root.Values .component).persistence -}}
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  {{- include "spanloop.metadata" . | nindent 2 }}
spec:
  accessModes: [{{ $values.accessMode }}]
  {{- with $values.storageClass }}
  storageClassName: {{ . }}
  {{- end }}
  resources:
    requests:
      storage: {{ $values.size }}
{{- end }}
