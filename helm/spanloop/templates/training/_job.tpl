{{/*
The training Job, rendered in one place for three launchers. The backend reads it from the ConfigMap and adds a name and arguments. The CronJob
creates it on a schedule, and `kubectl create job --from` copies it from the CronJob. "projects" of the scope become arguments.
*/}}

{{/* The labels of a Job, with its queue: (dict "root" $ "component" "training") */}}
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
# Kueue starts the Job when there is quota.
suspend: true
{{- end }}
backoffLimit: {{ $values.backoffLimit }}
activeDeadlineSeconds: {{ int $values.activeDeadlineSeconds }}
{{- if semverCompare ">=1.29-0" $version }}
# A pod that is ending still writes its checkpoint, so its successor starts only after the pod has ended.
podReplacementPolicy: Failed
{{- end }}
{{- if semverCompare ">=1.26-0" $version }}
podFailurePolicy:
  rules:
    # A drained node does not count as a failure of the run.
    - action: Ignore
      onPodConditions:
        - type: DisruptionTarget
          status: "True"
    # Another try would fail the same way after wrong arguments (2), and after too few annotations or a diverged tuning (3).
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
    # With Never, a failed pod stays and can be inspected. The failure policy needs Never as well.
    restartPolicy: Never
    serviceAccountName: {{ $fullname }}-training
    # The pod runs a model on other people's texts and gets no rights. The backend does everything that needs them.
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
          {{- include "spanloop.trustedKeysMount" $root | nindent 10 }}
          # By this key a run signs its version. No other pod of the release has it.
          - name: signing-key
            mountPath: /etc/spanloop/signing-key
            readOnly: true
          {{- if gt (int $root.Values.training.gpu.count) 1 }}
          # Through it the processes of several GPUs exchange gradients. A container's own has 64 MiB.
          - name: shared-memory
            mountPath: /dev/shm
          {{- end }}
    volumes:
      {{- if gt (int $root.Values.training.gpu.count) 1 }}
      - name: shared-memory
        emptyDir:
          medium: Memory
          sizeLimit: 1Gi
      {{- end }}
      {{- include "spanloop.volumes" $home | nindent 6 }}
      {{- include "spanloop.modelVolume" $root | nindent 6 }}
      {{- include "spanloop.trustedKeysVolume" $root | nindent 6 }}
      - name: signing-key
        secret:
          secretName: {{ include "spanloop.signingSecret" $root }}
          items:
            - key: tls.key
              path: tls.key
{{- end }}

{{/* The whole manifest, without a name and projects, which the backend adds. */}}
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
