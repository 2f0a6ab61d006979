export { FormatError, type FormatErrorCode, type TextPosition } from './errors.ts';
export { type Json, parseStrictJson } from './json.ts';
export { JSON_LIMITS, type JsonLimits } from './limits.ts';
