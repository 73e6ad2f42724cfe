{{/* Hooks before an installation and an upgrade. What a job needs comes before it, and goes with it. */}}
{{- define "onematter.hook" -}}
helm.sh/hook: pre-install,pre-upgrade
helm.sh/hook-weight: {{ .weight | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end -}}

{{/* What a job needs besides itself: account, the topics table, a NetworkPolicy. Takes root, component, egress, perhaps principals. */}}
{{- define "onematter.jobParts" -}}
{{- $name := printf "%s-%s" (include "onematter.fullname" .root) .component -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ $name }}
  labels: {{- include "onematter.labels" . | nindent 4 }}
  annotations: {{- include "onematter.hook" (dict "weight" "-10") | nindent 4 }}
automountServiceAccountToken: false
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ $name }}
  labels: {{- include "onematter.labels" . | nindent 4 }}
  annotations: {{- include "onematter.hook" (dict "weight" "-10") | nindent 4 }}
data:
  topics.toml: | {{- include "onematter.topicsToml" .root | nindent 4 }}
  {{- with .principals }}
  principals.toml: | {{- . | nindent 4 }}
  {{- end }}
{{- if .root.Values.networkPolicy.enabled }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ $name }}
  labels: {{- include "onematter.labels" . | nindent 4 }}
  annotations: {{- include "onematter.hook" (dict "weight" "-10") | nindent 4 }}
spec:
  podSelector:
    matchLabels: {{- include "onematter.selector" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
  egress:
    {{- include "onematter.egressDns" .root | nindent 4 }}
    {{- .egress | nindent 4 }}
{{- end }}
{{- end -}}

{{/* A job down to its pod's containers and volumes, which whoever includes it goes on with. Takes root, component and weight. */}}
{{- define "onematter.job" -}}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ include "onematter.fullname" .root }}-{{ .component }}
  labels: {{- include "onematter.labels" . | nindent 4 }}
  annotations: {{- include "onematter.hook" . | nindent 4 }}
spec:
  backoffLimit: 3
  activeDeadlineSeconds: {{ int .root.Values.migrations.deadlineSeconds }}
  template:
    metadata:
      labels: {{- include "onematter.labels" . | nindent 8 }}
    spec:
      {{- include "onematter.podBase" . | nindent 6 }}
      restartPolicy: Never
{{- end -}}

{{/* The volumes of every job. */}}
{{- define "onematter.jobVolumes" -}}
- name: topics
  configMap: {name: {{ include "onematter.fullname" .root }}-{{ .component }}}
- name: tmp
  emptyDir: {}
{{- end -}}
