{{/*
The training Job, rendered in one place for three launchers: the backend reads it from the ConfigMap and adds its name and arguments;
the CronJob brings it to a schedule and to `kubectl create job --from`. "projects" of the scope become arguments.
*/}}

{{/* The labels of a Job: those of its pods, and the queue. (dict "root" $ "component" "training") */}}
{{- define "spanloop.training.labels" -}}
{{- $labels := include "spanloop.labels" . | fromYaml }}
{{- with .root.Values.training.queueName }}
{{- $_ := set $labels "kueue.x-k8s.io/queue-name" . }}
{{- end }}
{{- toYaml $labels }}
{{- end }}

{{/* The spec of a Job: (dict "root" $ "component" "training" "projects" (list 1 2)). */}}
{{- define "spanloop.training.job" -}}
{{- $root := .root }}
{{- $values := $root.Values.training }}
{{- $fullname := include "spanloop.fullname" $root }}
{{- $home := dict "root" $root "claim" (include "spanloop.claimName" .) }}
{{- $version := $root.Capabilities.KubeVersion.Version -}}
{{- if and $values.queueName (semverCompare ">=1.24-0" $version) }}
# Kueue starts it when there is quota.
suspend: true
{{- end }}
backoffLimit: {{ $values.backoffLimit }}
activeDeadlineSeconds: {{ int $values.activeDeadlineSeconds }}
{{- if semverCompare ">=1.29-0" $version }}
# A pod that is ending still writes its checkpoint: its successor waits until it is gone.
podReplacementPolicy: Failed
{{- end }}
{{- if semverCompare ">=1.26-0" $version }}
podFailurePolicy:
  rules:
    # A drained node is not the run's fault.
    - action: Ignore
      onPodConditions:
        - type: DisruptionTarget
          status: "True"
    # Wrong arguments stay wrong (2), and so do too few annotations or a tuning that diverged (3). Anything else may pass.
    - action: FailJob
      onExitCodes:
        containerName: training
        operator: In
        values: [2, 3]
{{- end }}
template:
  metadata:
    labels:
      {{- include "spanloop.podLabels" . | nindent 6 }}
    {{- with include "spanloop.podAnnotations" . }}
    annotations:
      {{- . | nindent 6 }}
    {{- end }}
  spec:
    # Never: a failed pod stays to be looked at, and the failure policy needs it.
    restartPolicy: Never
    serviceAccountName: {{ $fullname }}-training
    # It runs a model on strangers' texts, and the backend does what needs rights.
    automountServiceAccountToken: false
    enableServiceLinks: false
    terminationGracePeriodSeconds: {{ $values.terminationGracePeriodSeconds }}
    {{- include "spanloop.imagePullSecrets" $root | nindent 4 }}
    securityContext:
      {{- include "spanloop.podSecurityContext" $root | nindent 6 }}
    {{- include "spanloop.scheduling" . | nindent 4 }}
    containers:
      - name: training
        {{- include "spanloop.container" $root | nindent 8 }}
        command: [python, -m, training]
        args:
          - run
          {{- range .projects }}
          - --project
          - {{ int . | quote }}
          {{- end }}
        ports:
          - name: http
            containerPort: {{ include "spanloop.port" "training" }}
            protocol: TCP
        env:
          {{- include "spanloop.environment" (dict "root" $root "component" "training" "env" (include "spanloop.training.env" $root)) | nindent 10 }}
        resources:
          {{- include "spanloop.resources" . | nindent 10 }}
        volumeMounts:
          {{- include "spanloop.volumeMounts" $home | nindent 10 }}
          {{- include "spanloop.registryMount" $root | nindent 10 }}
          {{- include "spanloop.modelVolumeMount" $root | nindent 10 }}
    volumes:
      {{- include "spanloop.volumes" $home | nindent 6 }}
      {{- include "spanloop.modelVolume" $root | nindent 6 }}
{{- end }}

{{/* The whole manifest that the backend stamps: the name and the projects are its. */}}
{{- define "spanloop.training.manifest" -}}
{{- $scope := dict "root" . "component" "training" "projects" list -}}
apiVersion: batch/v1
kind: Job
metadata:
  namespace: {{ .Release.Namespace }}
  labels:
    {{- include "spanloop.training.labels" $scope | nindent 4 }}
  {{- with .Values.commonAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- include "spanloop.training.job" $scope | nindent 2 }}
{{- end }}
