{{/* The metadata of an object that the operator or a sidecar finds by labels: (dict "root" "component" "name" "labels"). */}}
{{- define "spanloop.monitoring.metadata" -}}
{{- $metadata := include "spanloop.metadata" . | fromYaml }}
{{- $_ := set $metadata "labels" (merge (dict) $metadata.labels .labels) }}
{{- toYaml $metadata }}
{{- end }}
