import { type UseQueryResult, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { ConfirmDialog } from './confirm.tsx';
import { Button } from './controls.tsx';
import { SecretOnce } from './secret-once.tsx';
import { Loaded, Panel } from './surface.tsx';
import { type Column, Table } from './table.tsx';

/** A secret that the platform shows once, with the words around it. */
export interface Secret {
  readonly title: string;
  readonly text: string;
  readonly secret: string;
  readonly done: string;
}

/** An act that takes something away, with the consequence it names before it is done. */
export interface Removal {
  readonly title: string;
  readonly text: string;
  readonly action: string;
  readonly run: () => Promise<unknown>;
}

/** What the cells of a list may open. */
export interface ManagedActs {
  readonly reveal: (secret: Secret) => void;
  readonly remove: (removal: Removal) => void;
  /** A dialog about a row; `done` closes it and reads the list again. */
  readonly open: (dialog: RowDialog) => void;
}

type RowDialog = (done: () => void, close: () => void) => ReactNode;

export interface ManagedListProps<T> {
  readonly title: string;
  /** First word of the query's key: what is read again after every act. */
  readonly listKey: string;
  readonly query: UseQueryResult<readonly T[]>;
  readonly columns: (acts: ManagedActs) => readonly Column<T>[];
  readonly keyOf: (row: T) => string;
  readonly empty?: ReactNode;
  readonly note?: ReactNode;
  /** The button that makes a new one, and its dialog; `done` closes it and may show a secret once. */
  readonly create?: {
    readonly label: string;
    readonly dialog: (done: (secret: Secret | null) => void, close: () => void) => ReactNode;
  };
}

/** A list whose rows are made, whose secrets are shown once, and that are taken away after a question. */
export function ManagedList<T>({ title, listKey, query, columns, keyOf, empty, note, create }: ManagedListProps<T>) {
  const client = useQueryClient();
  const [open, setOpen] = useState<'nothing' | 'create' | Secret | Removal | { readonly dialog: RowDialog }>('nothing');
  const close = () => setOpen('nothing');
  const refresh = () => client.invalidateQueries({ queryKey: [listKey] });
  return (
    <>
      <Panel
        title={title}
        flush
        actions={
          create === undefined ? undefined : (
            <Button look="primary" icon="plus" onClick={() => setOpen('create')}>
              {create.label}
            </Button>
          )
        }
      >
        {note}
        <Loaded query={query}>
          {(rows) => (
            <Table
              label={title}
              columns={columns({ reveal: setOpen, remove: setOpen, open: (dialog) => setOpen({ dialog }) })}
              rows={rows}
              keyOf={keyOf}
              empty={empty}
            />
          )}
        </Loaded>
      </Panel>
      {open === 'create' && create !== undefined
        ? create.dialog((secret) => {
            setOpen(secret ?? 'nothing');
            void refresh();
          }, close)
        : null}
      {typeof open === 'object' && 'dialog' in open
        ? open.dialog(() => {
            close();
            void refresh();
          }, close)
        : null}
      {typeof open === 'object' && 'secret' in open ? <SecretOnce {...open} onClose={close} /> : null}
      {typeof open === 'object' && 'run' in open ? (
        <ConfirmDialog
          {...open}
          run={async () => {
            await open.run();
            await refresh();
          }}
          onClose={close}
        />
      ) : null}
    </>
  );
}

/** A quiet act at the end of a row; `name` says it whole to who does not see the row. */
export function RowAct({
  name,
  busy = false,
  onClick,
  children,
}: {
  readonly name: string;
  readonly busy?: boolean;
  readonly onClick: () => void;
  readonly children: ReactNode;
}) {
  return (
    <Button look="quiet" className="small" aria-label={name} busy={busy} onClick={onClick}>
      {children}
    </Button>
  );
}
