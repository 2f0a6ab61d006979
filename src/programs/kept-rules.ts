/** Tries rules on what this host kept, or says what was last in a container. Started by the agent, one for each question, with no right but to read those files. */
import { readFileSync } from 'node:fs';
import { readShippedRules } from '../detect/index.ts';
import { type KeptGround, type KeptQuestion, type LastQuestion, lastKept, tryKept } from '../detect/try-kept.ts';

type Order =
  | { readonly question: KeptQuestion; readonly ground: KeptGround }
  | { readonly last: LastQuestion; readonly ground: Pick<KeptGround, 'folder' | 'deadlineMs'> };

const order = JSON.parse(readFileSync(0, 'utf8')) as Order;
const answer =
  'last' in order
    ? lastKept(order.last, order.ground)
    : tryKept(order.question, { ...order.ground, files: [...readShippedRules(), ...order.ground.files] });
process.stdout.write(JSON.stringify(answer));
