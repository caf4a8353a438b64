{{/*
Expressions in CEL for the ValidatingAdmissionPolicy, from the two Jobs that the chart renders for the backend. The API server adds defaults to a
Job before it evaluates them, so they compare what a default never changes.
*/}}

{{/* The manifests of both Jobs, as a list in JSON. */}}
{{- define "spanloop.admission.templates" -}}
{{- list (include "spanloop.training.manifest" . | fromYaml) (include "spanloop.prelabel.manifest" . | fromYaml) | toJson }}
{{- end }}

{{/* The programs of both: command and first argument, as a list of lists. */}}
{{- define "spanloop.admission.programs" -}}
{{- $programs := list }}
{{- range include "spanloop.admission.templates" . | fromJsonArray }}
{{- $container := first .spec.template.spec.containers }}
{{- $programs = append $programs (append $container.command (first $container.args)) }}
{{- end }}
{{- toJson $programs }}
{{- end }}

{{/* The names of the environment variables of both containers, as a list. */}}
{{- define "spanloop.admission.variables" -}}
{{- $names := list }}
{{- range include "spanloop.admission.templates" . | fromJsonArray }}
{{- range (first .spec.template.spec.containers).env }}
{{- $names = append $names .name }}
{{- end }}
{{- end }}
{{- uniq $names | toJson }}
{{- end }}

{{/* The Secrets that the environment of either container reads, as a list. */}}
{{- define "spanloop.admission.secrets" -}}
{{- $names := list }}
{{- range include "spanloop.admission.templates" . | fromJsonArray }}
{{- range (first .spec.template.spec.containers).env }}
{{- with dig "valueFrom" "secretKeyRef" "name" "" . }}
{{- $names = append $names . }}
{{- end }}
{{- end }}
{{- end }}
{{- uniq $names | toJson }}
{{- end }}

{{/* Whether the volume v is one of either Job: the same kind, and the same Secret, ConfigMap, claim or driver. */}}
{{- define "spanloop.admission.volume" -}}
{{- $kinds := dict "emptyDir" "" "ephemeral" "" "secret" "secretName" "configMap" "name" "persistentVolumeClaim" "claimName" "csi" "driver" }}
{{- $conditions := list }}
{{- range include "spanloop.admission.templates" . | fromJsonArray }}
{{- range $volume := .spec.template.spec.volumes }}
{{- $kind := keys (omit $volume "name") | first }}
{{- if eq $kind "projected" }}
{{- $secrets := list }}
{{- range $volume.projected.sources }}
{{- if not .secret }}
{{- fail (printf "admissionPolicy.enabled: the projected volume %s has a source that is no Secret, which the policy cannot bound. Use Secrets, or turn the policy off. Nothing was installed." $volume.name) }}
{{- end }}
{{- $secrets = append $secrets .secret.name }}
{{- end }}
{{- $conditions = append $conditions (printf "has(v.projected) && v.projected.sources.all(s, has(s.secret) && s.secret.name in %s)" (toJson $secrets)) }}
{{- else }}
{{- if not (hasKey $kinds $kind) }}
{{- fail (printf "admissionPolicy.enabled: the volume %s is a %s, which the policy cannot bound. Use a claim, a Secret, a ConfigMap, csi or ephemeral, or turn the policy off. Nothing was installed." $volume.name $kind) }}
{{- end }}
{{- $condition := printf "has(v.%s)" $kind }}
{{- with get $kinds $kind }}
{{- $condition = printf "%s && v.%s.%s == %s" $condition $kind . (get (get $volume $kind) . | toJson) }}
{{- end }}
{{- $conditions = append $conditions $condition }}
{{- end }}
{{- end }}
{{- end }}
{{- uniq $conditions | join " || " }}
{{- end }}
