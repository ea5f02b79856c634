{{- define "octavo.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "octavo.fullname" -}}
{{- $name := include "octavo.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "octavo.selectorLabels" -}}
app.kubernetes.io/name: {{ include "octavo.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "octavo.labels" -}}
{{ include "octavo.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.extraLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "octavo.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "octavo.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "octavo.cronName" -}}
{{- printf "%s-%s" (include "octavo.fullname" .root) .schedule | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "octavo.executorAccountName" -}}
{{- printf "%s-executor" (include "octavo.fullname" .) -}}
{{- end -}}

{{/* Security context of Argo's own containers: the step's, but for the root, which stays writable as Argo has it, and the
pod's user, whatever the controller gives them. A null takes the controller's away. */}}
{{- define "octavo.executorContext" -}}
{{- $context := omit .Values.securityContext "readOnlyRootFilesystem" -}}
{{- range $name := list "runAsUser" "runAsGroup" "runAsNonRoot" -}}
{{- $_ := set $context $name (ternary (get $.Values.podSecurityContext $name) nil (hasKey $.Values.podSecurityContext $name)) -}}
{{- end -}}
{{- toJson $context -}}
{{- end -}}

{{- define "octavo.image" -}}
{{- $image := .Values.image.repository -}}
{{- with .Values.image.registry -}}
{{- $image = printf "%s/%s" (trimSuffix "/" .) $image -}}
{{- end -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" $image .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* The image without TensorFlow, which is enough for the register job. */}}
{{- define "octavo.registerImage" -}}
{{- if .Values.kfp.register.image -}}
{{- .Values.kfp.register.image -}}
{{- else if .Values.image.digest -}}
{{- include "octavo.image" . -}}
{{- else -}}
{{- printf "%s-light" (include "octavo.image" .) -}}
{{- end -}}
{{- end -}}

{{- define "octavo.pullSecrets" -}}
{{- range .Values.image.pullSecrets }}
- name: {{ . }}
{{- end }}
{{- end -}}

{{/* The Secret with the store's keys; empty where pods have an identity of their own. */}}
{{- define "octavo.storeSecret" -}}
{{- if not .Values.objectStore.workloadIdentity -}}
{{- if .Values.objectStore.secret.create -}}
{{- printf "%s-object-store" (include "octavo.fullname" .) -}}
{{- else -}}
{{- .Values.objectStore.existingSecret -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Variables of every pod: proxies and the private authorities. */}}
{{- define "octavo.siteVariables" -}}
{{- range $name, $value := dict "HTTP_PROXY" .Values.proxy.http "HTTPS_PROXY" .Values.proxy.https "NO_PROXY" .Values.proxy.noProxy }}
{{- if $value }}
- name: {{ $name }}
  value: {{ $value | quote }}
- name: {{ lower $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}
{{- if .Values.privateCA.existingSecret }}
{{- range list "AWS_CA_BUNDLE" "REQUESTS_CA_BUNDLE" "SSL_CERT_FILE" }}
- name: {{ . }}
  value: /etc/octavo/ca/{{ $.Values.privateCA.key }}
{{- end }}
{{- end }}
{{- end -}}

{{/* What the values say of the object store, under names that octavo alone reads; they count before the Secret's. */}}
{{- define "octavo.storeVariables" -}}
{{- with .Values.objectStore.endpoint }}
- name: OCTAVO_S3_ENDPOINT
  value: {{ . | quote }}
{{- end }}
{{- with .Values.objectStore.region }}
- name: OCTAVO_AWS_REGION
  value: {{ . | quote }}
{{- end }}
{{- if not (kindIs "invalid" .Values.objectStore.retrySeconds) }}
- name: OCTAVO_STORE_RETRY_SECONDS
  value: {{ .Values.objectStore.retrySeconds | quote }}
{{- end }}
{{- end -}}

{{/* All variables of a pod that reads or writes the store; the Secret's entries are files. */}}
{{- define "octavo.storePodVariables" -}}
{{- include "octavo.storeVariables" . }}
{{- include "octavo.siteVariables" . }}
{{- end -}}

{{- define "octavo.caMount" -}}
{{- if .Values.privateCA.existingSecret }}
- name: ca
  mountPath: /etc/octavo/ca
  readOnly: true
{{- end }}
{{- end -}}

{{- define "octavo.caVolume" -}}
{{- if .Values.privateCA.existingSecret }}
- name: ca
  secret: {secretName: {{ .Values.privateCA.existingSecret }}}
{{- end }}
{{- end -}}

{{- define "octavo.storeMount" -}}
{{- if include "octavo.storeSecret" . }}
- name: object-store
  mountPath: {{ (.Files.Get "files/credentials.yaml" | fromYaml).folder }}
  readOnly: true
{{- end }}
{{- end -}}

{{- define "octavo.storeVolume" -}}
{{- with include "octavo.storeSecret" . }}
- name: object-store
  secret: {secretName: {{ . }}, optional: true}
{{- end }}
{{- end -}}

{{/* A parameter as text: documents become JSON. */}}
{{- define "octavo.text" -}}
{{- if or (kindIs "map" .) (kindIs "slice" .) -}}
{{- toJson . -}}
{{- else if kindIs "float64" . -}}
{{- if eq (floor .) . -}}{{- int64 . -}}{{- else -}}{{- . -}}{{- end -}}
{{- else -}}
{{- . -}}
{{- end -}}
{{- end -}}

{{/* The release's object store, for the check at its next upgrade. */}}
{{- define "octavo.storeRecord" -}}
octavo/object-store: {{ pick .Values.objectStore "kind" "endpoint" "region" "bucket" | toJson | quote }}
{{- end -}}

{{/* Helm forgets at an upgrade what is not given again. A bucket is kept, and an endpoint and a region of one kind. */}}
{{- define "octavo.keepsStore" -}}
{{- $now := .Values.objectStore -}}
{{- range $part := list "artifacts" "pipeline" -}}
{{- $map := lookup "v1" "ConfigMap" $.Release.Namespace (printf "%s-%s" (include "octavo.fullname" $) $part) -}}
{{- $before := dig "metadata" "annotations" "octavo/object-store" "{}" $map | fromJson -}}
{{- range $name := ternary (list "bucket" "endpoint" "region") (list "bucket") (eq $before.kind $now.kind) -}}
{{- if and (get $before $name) (not (get $now $name)) -}}
{{- fail (printf "objectStore.%s: the release has %s and the new values have none: Helm forgets what is not given again; add --reset-then-reuse-values, or give all values" $name (get $before $name)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Whether the namespace holds an object; called with a dict of root, version, kind and name. */}}
{{- define "octavo.found" -}}
{{- if .root.Capabilities.APIVersions.Has (printf "%s/%s" .version .kind) -}}
{{- with lookup .version .kind .root.Release.Namespace .name -}}
{{- toYaml . -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* A CronWorkflow owns its Workflows: where Helm deletes it, Kubernetes deletes them. */}}
{{- define "octavo.keepsRuns" -}}
{{- $kept := list -}}
{{- if eq .Values.mode "argo" -}}
{{- range .Values.schedules }}{{- $kept = append $kept (include "octavo.cronName" (dict "root" $ "schedule" .name)) }}{{- end -}}
{{- end -}}
{{- $argo := dict "root" . "version" "argoproj.io/v1alpha1" -}}
{{- range (include "octavo.found" (merge (dict "kind" "CronWorkflow" "name" "") $argo) | fromYaml).items -}}
{{- $cron := .metadata.name -}}
{{- if and (eq (dig "metadata" "annotations" "meta.helm.sh/release-name" "" .) $.Release.Name) (not (has $cron $kept)) -}}
{{- range dig "status" "active" list . -}}
{{- $workflow := include "octavo.found" (merge (dict "kind" "Workflow" "name" .name) $argo) | fromYaml -}}
{{- if and $workflow (ne (dig "metadata" "labels" "workflows.argoproj.io/completed" "" $workflow) "true") -}}
{{- fail (printf "schedules: the CronWorkflow %s would be deleted, and with it its workflow %s, which is going on; keep the schedule with `enabled: false` until that has ended, or delete the workflow first" $cron .name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Kubeflow names a volume by its Secret; a volume's name takes less than a Secret's. */}}
{{- define "octavo.mountsSecrets" -}}
{{- $store := include "octavo.storeSecret" . -}}
{{- $authorities := .Values.privateCA.existingSecret -}}
{{- range $value, $name := dict "objectStore.existingSecret" $store "privateCA.existingSecret" $authorities -}}
{{- if and $name (not (regexMatch "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$" $name)) -}}
{{- fail (printf "%s: Kubeflow Pipelines names a pod's volume %s by this Secret, and a volume's name has no dots and at most 63 characters; give the Secret such a name" $value $name) -}}
{{- end -}}
{{- end -}}
{{- if and $store (eq $store $authorities) -}}
{{- fail (printf "privateCA.existingSecret: it is the Secret of objectStore as well, %s, of which Kubeflow Pipelines can make one volume only; put the certificates into a Secret of their own" $store) -}}
{{- end -}}
{{- end -}}

{{/* The job ends by itself, and tells why, before its deadline cuts it off. */}}
{{- define "octavo.registersInTime" -}}
{{- $job := .Values.kfp.register -}}
{{- $seconds := int $job.waitSeconds -}}
{{- range $try := until (int $job.backoffLimit) -}}
{{- $pause := 10 -}}
{{- range until $try }}{{- $pause = mul 2 $pause }}{{- end -}}
{{- $seconds = add $seconds $pause $job.waitSeconds -}}
{{- end -}}
{{- if ge (int $seconds) (int $job.activeDeadlineSeconds) -}}
{{- fail (printf "kfp.register: all tries with their waitSeconds take up to %d s, which is not within activeDeadlineSeconds, %d; raise that one, and Helm's --timeout above it, or lower waitSeconds or backoffLimit" (int $seconds) (int $job.activeDeadlineSeconds)) -}}
{{- end -}}
{{- end -}}

{{/* What no schema can say. */}}
{{- define "octavo.check" -}}
{{- include "octavo.keepsStore" . -}}
{{- include "octavo.keepsRuns" . -}}
{{- $steps := list -}}
{{- range (.Files.Get "files/steps.yaml" | fromYaml).steps }}{{- $steps = append $steps .name }}{{- end -}}
{{- range $name, $_ := .Values.resources -}}
{{- if not (has $name $steps) -}}
{{- fail (printf "resources.%s: there is no step of that name; wanted one of %s" $name (join ", " $steps)) -}}
{{- end -}}
{{- end -}}
{{- $known := (.Files.Get "files/steps.yaml" | fromYaml).parameters -}}
{{- range $name, $_ := .Values.parameters -}}
{{- if not (hasKey $known $name) -}}
{{- fail (printf "parameters.%s: the pipeline has no parameter of that name; wanted one of %s" $name (join ", " (keys $known | sortAlpha))) -}}
{{- end -}}
{{- end -}}
{{- $names := list -}}
{{- range $schedule := .Values.schedules -}}
{{- if has .name $names -}}
{{- fail (printf "schedules: two are named %s; give each a name of its own" .name) -}}
{{- end -}}
{{- $names = append $names .name -}}
{{- range $name, $_ := .parameters -}}
{{- if not (hasKey $known $name) -}}
{{- fail (printf "schedules, %s: the pipeline has no parameter %s; wanted one of %s" $schedule.name $name (join ", " (keys $known | sortAlpha))) -}}
{{- end -}}
{{- end -}}
{{- range $name, $parameter := $known -}}
{{- $given := or (hasKey $schedule.parameters $name) (and (eq $.Values.mode "argo") (hasKey $.Values.parameters $name)) -}}
{{- if and $parameter.required (not $given) -}}
{{- fail (printf "schedules, %s: the parameter %s is missing" $schedule.name $name) -}}
{{- end -}}
{{- end -}}
{{- if and .timeZone (ne $.Values.mode "argo") -}}
{{- fail (printf "schedules, %s: timeZone works in mode argo only; Kubeflow Pipelines runs all schedules in the zone of its controller's CRON_SCHEDULE_TIMEZONE" .name) -}}
{{- end -}}
{{- if and .version (eq $.Values.mode "argo") -}}
{{- fail (printf "schedules, %s: version does not work in mode argo, whose runs all take the release's one WorkflowTemplate" .name) -}}
{{- end -}}
{{- end -}}
{{- if hasKey .Values.argo "parallelism" -}}
{{- fail "argo.parallelism is now parallelism, and counts in every mode; name it so" -}}
{{- end -}}
{{- if ne .Values.mode "argo" -}}
{{- if .Values.priorityClassName -}}
{{- fail "priorityClassName works in mode argo only; Kubeflow Pipelines gives its pods none" -}}
{{- end -}}
{{- if .Values.indexedJob.enabled -}}
{{- fail "indexedJob.enabled works in mode argo only" -}}
{{- end -}}
{{- if .Values.parameters -}}
{{- fail "parameters works in mode argo only; in Kubeflow give them to the run, or to the schedule" -}}
{{- end -}}
{{- include "octavo.mountsSecrets" . -}}
{{- include "octavo.registersInTime" . -}}
{{- else if not .Values.objectStore.bucket -}}
{{- fail "objectStore.bucket is empty; mode argo keeps the artifacts between steps there" -}}
{{- end -}}
{{- end -}}
