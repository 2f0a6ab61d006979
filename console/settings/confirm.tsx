import { useMutation } from '@tanstack/react-query';
import { useWords } from '../shell/language.tsx';
import { Button } from '../shell/parts/controls.tsx';
import { Dialog, Failure } from '../shell/parts/surface.tsx';
import { words as shellWords } from '../shell/words.ts';

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
