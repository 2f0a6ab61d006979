/** Names of the documents of findings; what writes them is loaded when one is asked for. */
export const FINDING_FORMAT_NAMES = ['json', 'sarif', 'cyclonedx-vex', 'openvex', 'html'] as const;
export type FindingFormatName = (typeof FINDING_FORMAT_NAMES)[number];
