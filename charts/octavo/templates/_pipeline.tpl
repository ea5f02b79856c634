{{/* The compiled pipeline with this release's image, resources, variables and bound of its loops. */}}
{{- define "octavo.pipelineSpec" -}}
{{- $spec := .Files.Get "files/pipeline-spec.yaml" | fromYaml -}}
{{- range $component := $spec.components -}}
{{- range $task := (default dict $component.dag).tasks -}}
{{- if $task.parameterIterator -}}
{{- $_ := set $task "iteratorPolicy" (dict "parallelismLimit" (int $.Values.parallelism)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range (.Files.Get "files/steps.yaml" | fromYaml).steps -}}
{{- $container := (get $spec.deploymentSpec.executors .executor).container -}}
{{- $_ := set $container "image" (include "octavo.image" $) -}}
{{- $variables := include "octavo.siteVariables" $ | fromYamlArray -}}
{{- if .stores -}}
{{- $variables = concat (include "octavo.storeVariables" $ | fromYamlArray) $variables -}}
{{- end -}}
{{- if $variables -}}
{{- $_ := set $container "env" $variables -}}
{{- end -}}
{{- $own := default dict (get $.Values.resources .name) -}}
{{- range $kind, $suffix := dict "requests" "Request" "limits" "Limit" -}}
{{- range $what, $amount := default dict (get $own $kind) -}}
{{- $_ := set $container.resources (printf "resource%s%s" (title $what) $suffix) (toString $amount) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $spec -}}
{{- end -}}

{{/* What concerns Kubernetes: the Secret, where pods go, pull secrets, labels. */}}
{{- define "octavo.platformSpec" -}}
{{- $spec := .Files.Get "files/platform-spec.yaml" | fromYaml -}}
{{- $executors := $spec.platforms.kubernetes.deploymentSpec.executors -}}
{{- $secret := include "octavo.storeSecret" . -}}
{{- range (.Files.Get "files/steps.yaml" | fromYaml).steps -}}
{{- $executor := default dict (get $executors .executor) -}}
{{- if and .stores $secret -}}
{{- range $executor.secretAsVolume -}}
{{- $_ := set . "secretName" $secret -}}
{{- $_ := set .secretNameParameter.runtimeValue "constant" $secret -}}
{{- end -}}
{{- else -}}
{{- $executor = omit $executor "secretAsVolume" -}}
{{- end -}}
{{- with $.Values.privateCA.existingSecret -}}
{{- $mount := dict "secretName" . "secretNameParameter" (dict "runtimeValue" (dict "constant" .)) "mountPath" "/etc/octavo/ca" -}}
{{- $_ := set $executor "secretAsVolume" (append (default list $executor.secretAsVolume) $mount) -}}
{{- end -}}
{{- with $.Values.nodeSelector -}}{{- $_ := set $executor "nodeSelector" (dict "labels" .) -}}{{- end -}}
{{- with $.Values.tolerations -}}{{- $_ := set $executor "tolerations" . -}}{{- end -}}
{{- if ne $.Values.image.pullPolicy "IfNotPresent" -}}{{- $_ := set $executor "imagePullPolicy" $.Values.image.pullPolicy -}}{{- end -}}
{{- range $.Values.image.pullSecrets -}}
{{- $name := dict "secretName" . "secretNameParameter" (dict "runtimeValue" (dict "constant" .)) -}}
{{- $_ := set $executor "imagePullSecret" (append (default list $executor.imagePullSecret) $name) -}}
{{- end -}}
{{- $metadata := dict -}}
{{- with $.Values.extraLabels -}}{{- $_ := set $metadata "labels" . -}}{{- end -}}
{{- with $.Values.podAnnotations -}}{{- $_ := set $metadata "annotations" . -}}{{- end -}}
{{- if $metadata -}}{{- $_ := set $executor "podMetadata" $metadata -}}{{- end -}}
{{- if $executor -}}{{- $_ := set $executors .executor $executor -}}{{- else -}}{{- $_ := unset $executors .executor -}}{{- end -}}
{{- end -}}
{{- toYaml $spec -}}
{{- end -}}

{{- define "octavo.compiled" -}}
{{ include "octavo.pipelineSpec" . }}
---
{{ include "octavo.platformSpec" . }}
{{- end -}}

{{/* A new one whenever the compiled pipeline changes: as Kubernetes names objects, and as people read it. */}}
{{- define "octavo.pipelineVersion" -}}
{{- printf "%s-%s" .Chart.AppVersion (include "octavo.compiled" . | sha256sum | trunc 8) -}}
{{- end -}}

{{- define "octavo.pipelineVersionTitle" -}}
{{- printf "%s %s (%s)" .Values.kfp.pipelineName .Chart.AppVersion (include "octavo.compiled" . | sha256sum | trunc 8) -}}
{{- end -}}
