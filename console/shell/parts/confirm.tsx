import { useMutation } from '@tanstack/react-query';
import { useWords } from '../language.tsx';
import { words as shellWords } from '../words.ts';
import { Button } from './controls.tsx';
import { Dialog, Failure } from './surface.tsx';

export function ConfirmDialog({
  title,
  text,
  action,
  run,
  onClose,
}: {
  title: string;
  text: string;
  action: string;
  run: () => Promise<unknown>;
  onClose: () => void;
}) {
  const shell = useWords(shellWords);
  const mutation = useMutation({ mutationFn: run, onSuccess: onClose });
  return (
    <Dialog title={title} onClose={onClose}>
      <div className="dialog-body">
        <p>{text}</p>
        {mutation.error === null ? null : <Failure error={mutation.error} />}
        <div className="dialog-actions">
          <Button onClick={onClose}>{shell('cancel')}</Button>
          <Button look="danger" busy={mutation.isPending} onClick={() => mutation.mutate()}>
            {action}
          </Button>
        </div>
      </div>
    </Dialog>
  );
}
