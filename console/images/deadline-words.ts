import { defineWords } from '../shell/catalogue.ts';

/** Apart from the words of reports: the overview says these too, and is to load little. */
export const deadlineWords = defineWords(
  {
    advisoriesAge: 'Advisories',
    advisoriesNone: 'No advisories: nothing can be said of any package',
    advisoriesOld: 'Old: {names}. Newer vulnerabilities are not seen.',
    deadlines: 'Deadlines',
    wholeImage: 'the whole image',
    deadlinesNone: 'No deadline is running',
    deadlinesNoneText: 'What runs and turns vulnerable gets one by its risk and environment; it is shown here.',
    overdue: 'passed',
    moreDeadlines: '{count} more: darsena scan deadlines',
  },
  {
    advisoriesAge: 'Avisos',
    advisoriesNone: 'Sin avisos: no se puede decir nada de ningún paquete',
    advisoriesOld: 'Antiguos: {names}. No se ven las vulnerabilidades más nuevas.',
    deadlines: 'Plazos',
    wholeImage: 'toda la imagen',
    deadlinesNone: 'No corre ningún plazo',
    deadlinesNoneText: 'Lo que se ejecuta y pasa a ser vulnerable recibe uno según su riesgo y entorno; se ve aquí.',
    overdue: 'vencido',
    moreDeadlines: '{count} más: darsena scan deadlines',
  },
);
