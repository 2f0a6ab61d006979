/** Beginnings for who writes their first: each is a dry run, and read before it is applied. */
export const POLICY_TEMPLATES = {
  shells: `name: shells
mode: dry-run
match:
  tags: [shell]
  priority: notice
do: [evidence, isolate]
approve: [prod]
limit: { actions: 10, minutes: 60 }
`,
  escapes: `name: escapes
mode: dry-run
match:
  tags: [escape]
  priority: warning
do: [evidence, kill-container]
limit: { actions: 5, minutes: 60 }
`,
  drift: `name: changed-images
mode: dry-run
match:
  tags: [drift]
  priority: warning
do: [evidence, isolate, quarantine]
approve: ["*"]
limit: { actions: 5, minutes: 60 }
`,
  tell: `name: tell-everything-grave
mode: dry-run
match:
  priority: critical
do: [notify, evidence]
limit: { actions: 20, minutes: 60 }
`,
} as const;

export const PLAYBOOK_TEMPLATES = {
  contain: `name: contain
description: ""
steps:
  - do: evidence
    onFailure: go-on
  - do: isolate
  - do: notify
`,
  tampered: `name: tampered-image
description: ""
steps:
  - do: evidence
    onFailure: go-on
  - do: quarantine
  - do: roll-back
    approve: true
  - do: notify
`,
  stolen: `name: stolen-credentials
description: ""
steps:
  - do: evidence
    onFailure: go-on
  - do: kill-container
  - do: revoke-tokens
    approve: true
  - do: notify
`,
} as const;
