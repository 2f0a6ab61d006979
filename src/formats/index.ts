export { FormatError, type FormatErrorCode, type TextPosition } from './errors.ts';
export { type Json, parseStrictJson } from './json.ts';
export { JSON_LIMITS, type JsonLimits, YAML_LIMITS, type YamlLimits } from './limits.ts';
export { parseYaml, parseYamlDocuments, type YamlDocument, type YamlOptions, type YamlPath } from './yaml.ts';
