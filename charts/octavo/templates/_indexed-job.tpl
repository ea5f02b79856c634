{{/* The steps as the table has them; or, where shards run as Indexed Jobs, with one step in place of each loop. */}}
{{- define "octavo.steps" -}}
{{- $names := dict "calibrate" "calibrate_in_job" "evaluate_shard" "evaluate_in_job" -}}
{{- $steps := list -}}
{{- range (.Files.Get "files/steps.yaml" | fromYaml).steps -}}
{{- $step := . -}}
{{- if not $.Values.indexedJob.enabled -}}
{{- else if hasKey $names .component -}}
{{- $parameters := dict -}}
{{- range $name, $source := .parameters -}}
{{- if hasKey $source "each" -}}
{{- $_ := set $parameters "parts" (dict "result" (dict "step" $source.each.step "output" "parts")) -}}
{{- else -}}
{{- $_ := set $parameters $name $source -}}
{{- end -}}
{{- end -}}
{{- $job := dict "component" (get $names .component) "parameters" $parameters "outputs" list "inJob" true -}}
{{- $step = mergeOverwrite (omit . "parameters") $job -}}
{{- else if hasPrefix "plan_" .component -}}
{{- $step = mergeOverwrite . (dict "results" (without .results "Output") "plansJob" true) -}}
{{- end -}}
{{- $steps = append $steps $step -}}
{{- end -}}
{{- toYaml $steps -}}
{{- end -}}

{{- define "octavo.jobsAccountName" -}}
{{- printf "%s-jobs" (include "octavo.fullname" .) -}}
{{- end -}}

{{/* What a step that makes a Job is told of its pods; called with a dict of root and resources. */}}
{{- define "octavo.jobSettings" -}}
{{- $account := include "octavo.serviceAccountName" .root -}}
{{- dict "parallelism" (int .root.Values.parallelism) "resources" .resources "service_account" $account | toJson -}}
{{- end -}}

{{/* A step that makes a Job does nothing heavy itself. */}}
{{- define "octavo.jobStepResources" -}}
{{- range (.Files.Get "files/steps.yaml" | fromYaml).steps -}}
{{- if eq .name "plan-calibration" }}{{- toYaml .resources }}{{- end -}}
{{- end -}}
{{- end -}}

{{/* What a step is told of Jobs: its own pod, which the pods of its Job are made after; and of a plan how many shards
there may be. Called with the step. */}}
{{- define "octavo.jobVariables" -}}
{{- if .inJob }}
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- name: POD_NAMESPACE
  valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
{{- end }}
{{- if .plansJob }}
- name: OCTAVO_SHARDS_IN_JOB
  value: "true"
{{- end }}
{{- end -}}

{{/* The token of the account that may make Jobs, where every client looks for it: in that step's own container alone. */}}
{{- define "octavo.jobsToken" -}}
- name: kubernetes
  projected:
    sources:
      - serviceAccountToken: {path: token, expirationSeconds: 3600}
      - configMap: {name: kube-root-ca.crt, items: [{key: ca.crt, path: ca.crt}]}
      - downwardAPI: {items: [{path: namespace, fieldRef: {fieldPath: metadata.namespace}}]}
{{- end -}}
