/** What a new file begins with: it must hold as it stands, and test/console-rules.test.ts holds it to that. */
export const EXAMPLE_RULE = `- rule: Shell in a container
  desc: Somebody opened a shell where none is needed
  condition: evt.type = execve and proc.name in (sh, bash) and in_container
  output: "%proc.name started by %proc.pname: %proc.cmdline"
  priority: NOTICE
`;
