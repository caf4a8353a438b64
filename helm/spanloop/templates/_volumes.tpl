{{/* The mounts of all containers: (dict "root" $ "claim" "the claim of home, or empty"). */}}
{{- define "spanloop.volumeMounts" -}}
- name: tmp
  mountPath: /tmp
- name: home
  mountPath: /var/lib/spanloop
{{- if .claim }}
# Each pod has one of its own, even if home is on a claim: BentoML empties parts of it when it starts.
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

{{/* The claim of a component's home; empty without persistence: (dict "root" $ "component" "training"). */}}
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

{{/* The public keys, for the programs that verify versions. */}}
{{- define "spanloop.trustedKeysMount" -}}
- name: trusted-keys
  mountPath: /etc/spanloop/trusted-keys
  readOnly: true
{{- end }}

{{- define "spanloop.trustedKeysVolume" -}}
- name: trusted-keys
  projected:
    sources:
      {{- range prepend .Values.signatures.alsoTrusted (include "spanloop.signingSecret" .) | uniq }}
      - secret:
          name: {{ . }}
          # The private key beside it is not mounted.
          items:
            - key: tls.crt
              path: {{ . }}.crt
      {{- end }}
{{- end }}

{{/* The backend's Secrets as files, which it reads anew when they change. */}}
{{- define "spanloop.secretsMount" -}}
{{- if or .Values.basicAuth.enabled .Values.labelStudio.existingSecret }}
- name: secrets
  mountPath: /etc/spanloop/secrets
  readOnly: true
{{- end }}
{{- end }}

{{- define "spanloop.secretsVolume" -}}
{{- if or .Values.basicAuth.enabled .Values.labelStudio.existingSecret }}
- name: secrets
  projected:
    sources:
      {{- with .Values.labelStudio.existingSecret }}
      - secret:
          name: {{ . }}
          items:
            - key: {{ $.Values.labelStudio.secretKey }}
              path: api-key
      {{- end }}
      {{- if .Values.basicAuth.enabled }}
      - secret:
          name: {{ include "spanloop.basicAuthSecret" . }}
          items:
            - key: username
              path: username
            - key: password
              path: password
      {{- end }}
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

{{/* One PersistentVolumeClaim: (dict "root" $ "component" "training" "name" "…"). */}}
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
