/** What is done, in words: on the button, and what it does to a file's record. */
export const ACTIONS = {
  retry: { word: 'Retry', does: 'The error and the tries are removed, and it is tried again at once.', target: 'those that failed' },
  reset: {
    word: 'Reset',
    does: 'What is known of the files at the site is forgotten, and they are synced afresh. What is there with the same content is not sent again.',
  },
  pause: { word: 'Pause', does: 'The files are left alone until they are resumed.' },
  resume: { word: 'Resume', does: 'It goes on where it was.' },
  priority: { word: 'Priority', does: 'Files with a higher number go first; 50 is the default.' },
  'add-site': { word: 'Add a site', does: 'The files are asked for at the site, where nobody did yet.', needsSite: true },
  'remove-site': {
    word: 'Remove from a site',
    does: 'The files are not asked for at the site any more. Files that are there stay there.',
    needsSite: true,
  },
  adopt: {
    word: 'Adopt',
    does: 'Files that are at the site already, with the same content, are marked without being sent.',
    needsSite: true,
  },
  verify: { word: 'Verify', does: 'What is at the site is compared with its record and the source.', needsSite: true },
}

export const WIDE = {
  pause: 'Nothing is sent there until it is resumed, what comes later included. What is being sent stops, and goes on where it was.',
  resume: 'What waits goes on at once.',
}
