{{/* One PodDisruptionBudget: (dict "root" $ "component" "backend" "name" "…"). */}}
{{- define "spanloop.podDisruptionBudget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "spanloop.metadata" . | nindent 2 }}
spec:
  maxUnavailable: {{ (index .root.Values .component).podDisruptionBudget.maxUnavailable }}
  {{- if semverCompare ">=1.27-0" .root.Capabilities.KubeVersion.Version }}
  # A pod that is not ready serves nobody, so its node may be drained.
  unhealthyPodEvictionPolicy: AlwaysAllow
  {{- end }}
  selector:
    matchLabels:
      {{- include "spanloop.selectorLabels" . | nindent 6 }}
{{- end }}
