import { readFile } from 'node:fs/promises';
import { parseReference } from '../oci/index.ts';
import type { CliProgram, Text } from '../system/index.ts';
import type { ShownDeadline } from './deadlines.ts';
import { scanFault } from './errors.ts';
import type { Decision, FixStep, ScanReport } from './report.ts';
import type { VexRecord } from './vex/documents.ts';

export const DECISION_WORDS: Readonly<Record<Decision, Text>> = {
  act: { en: 'act', es: 'actuar' },
  attend: { en: 'attend', es: 'atender' },
  'track*': { en: 'track closely', es: 'vigilar de cerca' },
  track: { en: 'track', es: 'vigilar' },
};

/** `darsena scan deadlines` and `darsena scan plan`. */
export function addRiskCommands(cli: CliProgram): void {
  const scan = cli.program.commands.find((command) => command.name() === 'scan');
  scan
    ?.command('deadlines')
    .option('--project <name>', cli.t({ en: 'only this project', es: 'solo este proyecto' }))
    .description(
      cli.t({
        en: 'by when findings of running images, and refused images that run, are to be gone',
        es: 'para cuándo deben desaparecer los hallazgos de imágenes en marcha y las imágenes rechazadas que se ejecutan',
      }),
    )
    .action(async (options: { project?: string }) => {
      const query = new URLSearchParams(options.project === undefined ? {} : { project: options.project });
      const { items } = await cli.api.get<{ items: ShownDeadline[] }>(`/deadlines?${query}`);
      if (items.length === 0) cli.print.note({ en: 'nothing has a deadline', es: 'nada tiene plazo' });
      cli.print.table(
        [
          { title: { en: 'due', es: 'vence' }, value: (row: ShownDeadline) => dueWord(cli, row) },
          { title: { en: 'place', es: 'lugar' }, value: ({ project, environment }) => `${project}/${environment}` },
          { title: { en: 'image', es: 'imagen' }, value: ({ digest }) => digest.slice(7, 19) },
          {
            title: { en: 'issue', es: 'problema' },
            value: ({ finding }) => finding ?? cli.t({ en: 'whole image', es: 'toda la imagen' }),
          },
          {
            title: { en: 'to do', es: 'qué hacer' },
            value: ({ decision }) => (decision === null ? '-' : cli.t(DECISION_WORDS[decision])),
          },
          { title: { en: 'about', es: 'sobre' }, value: (row) => aboutOf(cli, row), long: true },
          { title: { en: 'digest', es: 'digest' }, value: ({ digest }) => digest, wide: true },
        ],
        items,
        { json: { items } },
      );
    });
  scan
    ?.command('plan')
    .argument('<image>', 'PROJECT/IMAGE[:TAG|@DIGEST]')
    .description(
      cli.t({
        en: 'the fewest upgrades that remove the most risk from an image',
        es: 'las menos actualizaciones que quitan más riesgo de una imagen',
      }),
    )
    .action(async (image: string) => {
      const report = await readReport(cli, image);
      const { plan, score } = report;
      if (!cli.output.json) {
        cli.print.line({
          en: `risk ${score ?? '?'} of 100; findings that these steps remove: ${plan.removes} of ${plan.of}`,
          es: `riesgo ${score ?? '?'} de 100; hallazgos que quitan estos pasos: ${plan.removes} de ${plan.of}`,
        });
      }
      cli.print.table(
        [
          {
            title: { en: 'removes', es: 'quita' },
            value: (step: FixStep) => String(step.removes.findings),
            align: 'right',
          },
          { title: { en: 'exploited', es: 'explotadas' }, value: ({ removes }) => String(removes.kev), align: 'right' },
          { title: { en: 'risk', es: 'riesgo' }, value: ({ share }) => `${Math.round(share * 100)} %`, align: 'right' },
          { title: { en: 'step', es: 'paso' }, value: ({ title }) => cli.t(title), long: true },
          { title: { en: 'made by', es: 'hecho por' }, value: ({ line }) => line ?? '-', wide: true },
        ],
        plan.steps,
        { json: { score, plan } },
      );
    });
}

/** `darsena vex …`: statements of others about what does not affect an image. */
export function vexCommands(cli: CliProgram): void {
  const noun = cli.program
    .command('vex')
    .description(
      cli.t({ en: 'statements on what affects an image', es: 'declaraciones sobre qué afecta a una imagen' }),
    );
  noun
    .command('list')
    .argument('<project>')
    .description(cli.t({ en: 'list the documents of a project', es: 'listar los documentos de un proyecto' }))
    .action(async (project: string) => {
      const { items } = await cli.api.get<{ items: VexRecord[] }>(`/projects/${encodeURIComponent(project)}/vex`);
      cli.print.table(
        [
          { title: { en: 'id', es: 'id' }, value: (row: VexRecord) => row.id },
          { title: { en: 'state', es: 'estado' }, value: ({ state }) => cli.t(VEX_STATES[state]) },
          { title: { en: 'says', es: 'lo dice' }, value: ({ author }) => author },
          { title: { en: 'claims', es: 'declaraciones' }, value: ({ claims }) => String(claims), align: 'right' },
          { title: { en: 'brought by', es: 'lo trajo' }, value: ({ uploadedBy }) => uploadedBy },
          { title: { en: 'believed by', es: 'lo cree' }, value: ({ approver }) => approver ?? '-' },
          { title: { en: 'document', es: 'documento' }, value: ({ document }) => document, wide: true },
        ],
        items,
        { json: { items } },
      );
    });
  noun
    .command('add')
    .argument('<project>')
    .argument('<file>')
    .description(
      cli.t({
        en: 'bring a document (OpenVEX, CSAF, CycloneDX); somebody else has to approve it',
        es: 'traer un documento (OpenVEX, CSAF, CycloneDX); lo tiene que aprobar otra persona',
      }),
    )
    .action(async (project: string, file: string) => {
      const text = await readFile(file, 'utf8').catch((cause: unknown) => {
        throw scanFault('scan.vex-invalid', { why: cause instanceof Error ? cause.message : String(cause) }, { cause });
      });
      const body: unknown = parseDocument(text);
      const record = await cli.api.post<VexRecord>(`/projects/${encodeURIComponent(project)}/vex`, body);
      if (cli.output.json) cli.print.json(record);
      else {
        cli.print.result({
          en: `${record.id}: ${record.claims} claims, waiting for somebody else: darsena vex approve ${project} ${record.id}`,
          es: `${record.id}: ${record.claims} declaraciones, a la espera de otra persona: darsena vex approve ${project} ${record.id}`,
        });
      }
    });
  for (const [verb, text, done] of DECIDE) {
    noun
      .command(verb)
      .argument('<project>')
      .argument('<id>')
      .description(cli.t(text))
      .action(async (project: string, id: string) => {
        const path = `/projects/${encodeURIComponent(project)}/vex/${encodeURIComponent(id)}/${verb}`;
        const record = await cli.api.post<VexRecord>(path);
        if (cli.output.json) cli.print.json(record);
        else cli.print.result({ en: `${id}: ${done.en}`, es: `${id}: ${done.es}` });
      });
  }
}

const DECIDE: readonly (readonly ['approve' | 'revoke', Text, Text])[] = [
  [
    'approve',
    { en: 'believe a document that somebody else brought', es: 'creer un documento que trajo otra persona' },
    { en: 'believed', es: 'creído' },
  ],
  [
    'revoke',
    { en: 'believe a document no more', es: 'dejar de creer un documento' },
    { en: 'believed no more', es: 'ya no se cree' },
  ],
];

const VEX_STATES: Readonly<Record<VexRecord['state'], Text>> = {
  waiting: { en: 'waiting', es: 'en espera' },
  approved: { en: 'believed', es: 'creído' },
  revoked: { en: 'revoked', es: 'revocado' },
};

function parseDocument(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw scanFault('scan.vex-invalid', { why: error instanceof Error ? error.message : String(error) });
  }
}

/** Of a purl what people know a package by: its name and version. */
function aboutOf(cli: CliProgram, { package: purl, reasons }: ShownDeadline): string {
  if (purl === null) return reasons.map((reason) => cli.t(reason)).join('; ');
  if (cli.output.wide) return purl;
  const [, name, version = ''] = /^pkg:[^/]+\/(?:.*\/)?([^/@?]+)(?:@([^?#]+))?/.exec(purl) ?? [];
  return name === undefined ? purl : `${name} ${decodeURIComponent(version)}`.trim();
}

function dueWord(cli: CliProgram, { due, overAt }: ShownDeadline): string {
  const day = due.slice(0, 16).replace('T', ' ');
  return overAt === null ? day : cli.print.colour('bad', day);
}

async function readReport(cli: CliProgram, image: string): Promise<ScanReport> {
  return cli.api.get<ScanReport>(`${await imagePath(cli, image)}/scan`);
}

/** The address of an image in the API, its newest one when no tag says which. @throws Fault scan.image-unknown */
export async function imagePath(cli: CliProgram, image: string): Promise<string> {
  const { repository, tag, digest } = parseReference(image);
  const project = repository.split('/')[0] ?? repository;
  const base = `/projects/${encodeURIComponent(project)}/images`;
  let asked: string | null = digest;
  if (asked === null) {
    const query = new URLSearchParams({ repository, ...(tag === null ? {} : { tag }), limit: '1' });
    asked = (await cli.api.get<{ items: { digest: string }[] }>(`${base}?${query}`)).items[0]?.digest ?? null;
  }
  if (asked === null) throw scanFault('scan.image-unknown', { image });
  return `${base}/${encodeURIComponent(asked)}`;
}
