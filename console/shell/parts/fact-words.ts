import { defineWords } from '../catalogue.ts';
import { factsEn } from './fact-words-en.ts';
import { factsEs } from './fact-words-es.ts';

/** What each kind of fact says in a sentence; an unknown kind is shown by its code. */
export const factWords = defineWords(factsEn, factsEs);
