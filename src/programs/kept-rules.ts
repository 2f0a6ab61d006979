/** Tries rules on what this host kept. Started by the agent, one for each question, with no right but to read those files. */
import { readFileSync } from 'node:fs';
import { readShippedRules } from '../detect/index.ts';
import { type KeptGround, type KeptQuestion, tryKept } from '../detect/try-kept.ts';

interface Order {
  readonly question: KeptQuestion;
  readonly ground: KeptGround;
}

const { question, ground } = JSON.parse(readFileSync(0, 'utf8')) as Order;
const files = [...readShippedRules(), ...ground.files];
process.stdout.write(JSON.stringify(tryKept(question, { ...ground, files })));
