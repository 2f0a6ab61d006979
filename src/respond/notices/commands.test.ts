import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Command } from 'commander';
import type { CliProgram, Text } from '../../system/index.ts';
import { noticeCommands } from './commands.ts';

test('the list of deliveries tells the opening of an incident from its worsening', async () => {
  const delivery = {
    channel: 'desk',
    incident: 3,
    state: 'sent',
    attempts: 1,
    at: '2026-11-22T10:00:00Z',
    error: null,
  };
  const items = ['incident.opened', 'incident.worsened', 'incident.told'].map((event) => ({ ...delivery, event }));
  const said: string[][] = [];
  const cli = {
    program: new Command().exitOverride(),
    t: ({ es }: Text) => es,
    api: { get: async () => ({ items }) },
    print: {
      age: () => '1 s',
      table: (columns: { value: (row: unknown) => string }[], rows: unknown[]) =>
        void said.push(...rows.map((row) => columns.map(({ value }) => value(row)))),
    },
  } as unknown as CliProgram;
  noticeCommands(cli);
  await cli.program.parseAsync(['notice', 'deliveries'], { from: 'user' });
  assert.deepEqual(
    said.map((cells) => cells.slice(0, 4)),
    [
      ['desk', '3', 'abierto', 'recibido'],
      ['desk', '3', 'agravado', 'recibido'],
      ['desk', '3', 'avisado a mano', 'recibido'],
    ],
  );
});
