{{/* The metadata of what the Prometheus Operator has to find: with the labels that it selects by. (dict "root" "component" "name") */}}
{{- define "spanloop.monitor.metadata" -}}
{{- $metadata := include "spanloop.metadata" . | fromYaml }}
{{- $_ := set $metadata "labels" (merge (dict) $metadata.labels .root.Values.monitoring.operator.labels) }}
{{- toYaml $metadata }}
{{- end }}
