import { describe, expect, test } from 'vitest'

import { assertDocumentRoot, type DocumentRoots } from '../../../src/model/document-roots.ts'

const guarded = ['/home/sync', '/srv/site-sync/config.json', '/keys/drive.json']
const on = (more: Partial<DocumentRoots> = {}): DocumentRoots => ({ guarded, platform: 'linux', ...more })
const refused = (root: string, roots: DocumentRoots): string | undefined => {
  try {
    assertDocumentRoot(root, roots)
    return undefined
  } catch (error) {
    expect(error).toMatchObject({ code: 'BAD_ROOT', message: expect.stringContaining('"publish_roots"') as string })
    return (error as Error).message
  }
}

describe('without publish_roots', () => {
  test.each(['/mnt/projects', '/srv/productions', '/data', '/home/sync/projects', '/tmp/stage', '/opt/studio', '/keys2'])(
    '%s serves',
    (root) => {
      expect(refused(root, on())).toBeUndefined()
    },
  )

  test.each([
    '/',
    '//',
    '/mnt/..',
    '/etc',
    '/etc/ssh',
    '/usr/local/share',
    '/proc/self',
    '/var/lib/mongodb',
    '/home',
    '/home/',
    '/home/sync',
    '/home/../home/sync/.',
    '/home/someone',
    '/home/sync/.ssh',
    '/home/sync/.config/shows',
    '/mnt/.keys',
    '/root',
    '/root/.ssh',
    '/Users',
    '/Users/someone',
    '/Users/someone/Library/Keychains',
    '/srv/site-sync',
    '/srv',
    '/keys',
    'relative/folder',
    '',
  ])('%j does not', (root) => {
    expect(refused(root, on())).toBeDefined()
  })

  test.each([
    'C:\\',
    'C:\\Windows\\System32',
    'C:\\Users',
    'C:/Users/',
    'c:\\WINDOWS',
    'c:/users',
    'C:\\Users\\a',
    'C:\\Users\\a\\AppData\\x',
    'projects',
  ])('on Windows %j does not', (root) => {
    expect(refused(root, on({ platform: 'win32', guarded: [] }))).toBeDefined()
  })

  test('on Windows a drive for productions serves', () => {
    expect(refused('P:\\projects', on({ platform: 'win32', guarded: [] }))).toBeUndefined()
  })
})

describe('where upper and lower case are the same', () => {
  test.each(['/ETC', '/users/Someone', '/HOME', '/System/x', '/private/ETC', '/private/var/LOG', '/KEYS', '/srv/Site-Sync'])(
    'on macOS %s does not serve',
    (root) => {
      expect(refused(root, on({ platform: 'darwin' }))).toBeDefined()
    },
  )

  test.each(['/Volumes/Shows', '/private/tmp/stage', '/Users/someone/shows'])('on macOS %s serves', (root) => {
    expect(refused(root, on({ platform: 'darwin' }))).toBeUndefined()
  })

  test('elsewhere they are not', () => {
    expect(refused('/ETC', on())).toBeUndefined()
  })
})

test('a root that leads elsewhere is judged by where it leads, and both are named', () => {
  for (const roots of [on(), on({ allowed: ['/studio'] })]) {
    expect(() => assertDocumentRoot('/studio/x', roots, '/etc')).toThrow(
      'the root "/studio/x" (a link to "/etc"), which the document names',
    )
    expect(() => assertDocumentRoot('/studio/x', roots, '/studio/x')).not.toThrow()
  }
})

describe('with publish_roots', () => {
  const allowed = ['/mnt/projects', '/srv/']

  test.each(['/mnt/projects', '/mnt/projects/show', '/srv', '/srv/site-sync'])('%s serves', (root) => {
    expect(refused(root, on({ allowed }))).toBeUndefined()
  })

  test.each(['/mnt', '/mnt/projects2', '/mnt/projects/../secret', '/data', '/'])('%s does not', (root) => {
    expect(refused(root, on({ allowed }))).toContain('"publish_roots"')
  })
})
