export { tellConversion } from './commands.ts';
export { COMPOSE_MANIFESTS, type ComposeConversion, convertCompose } from './convert.ts';
export { explainComposeField, listComposeFields } from './explain.ts';
export { COMPOSE } from './fields.ts';
export { type ComposePlace, convertFolder, findCompose } from './folder.ts';
export type { ComposeInput } from './read.ts';
