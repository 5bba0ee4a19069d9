// The page can be read without this. It lights up a field's bytes and a byte's field, moves the
// key schedule through time, and opens what a link points to or what is to be printed.
'use strict';
document.documentElement.classList.add('scripted');
const all = (selector, root = document) => [...root.querySelectorAll(selector)];

for (const pane of all('.pane')) {
  const hex = pane.querySelector('.hex'), tree = pane.querySelector('.tree');
  const buttons = all('.field > button', tree);
  let pinned = null;

  const indexOf = (target) => target.closest('[data-f]')?.dataset.f ?? null;

  // Lights up the field f, or nothing, on both sides.
  const light = (f) => {
    for (const on of all('.on', pane)) on.classList.remove('on');
    if (f === null) return;
    for (const e of all(`[data-f="${f}"]`, pane)) e.classList.add('on');
  };
  // Scrolls what is lit into the sight of its own box, and leaves the page where it is.
  const show = (box) => {
    const e = box.querySelector('.on');
    if (!e) return;
    const inner = e.getBoundingClientRect(), outer = box.getBoundingClientRect();
    if (inner.top < outer.top) box.scrollTop += inner.top - outer.top - 12;
    if (inner.top > outer.bottom - 40) box.scrollTop += inner.top - outer.bottom + outer.height / 2;
  };
  const pin = (f) => { pinned = f; light(f); };

  pane.addEventListener('pointerover', (event) => {
    if (event.pointerType === 'mouse') light(indexOf(event.target) ?? pinned);
  });
  pane.addEventListener('pointerleave', () => light(pinned));
  hex.addEventListener('click', (event) => {
    const f = indexOf(event.target);
    if (f === null) return;
    pin(f);
    show(tree);
  });
  tree.addEventListener('click', (event) => {
    if (event.target.closest('a')) return;
    const f = indexOf(event.target);
    if (f === null) return;
    pin(f);
    show(hex);
  });

  // The Tab key stops at one field of the whole tree, and at its source; the arrows go through it.
  const stop = (to) => {
    for (const e of all('button, a', tree)) e.tabIndex = to && to.parentElement.contains(e) ? 0 : -1;
  };
  stop(buttons[0]);
  tree.addEventListener('focusin', (event) => {
    if (!buttons.includes(event.target)) return;
    stop(event.target);
    pin(indexOf(event.target));
    show(hex);
  });
  tree.addEventListener('keydown', (event) => {
    const at = buttons.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (event.key === 'Escape') pin(null);
    if (to === undefined || !buttons[to]) return;
    event.preventDefault();
    buttons[to].focus();
  });
}

const moment = document.getElementById('moment');
moment?.addEventListener('input', () => {
  document.querySelector('output[for=moment]').value = moment.value;
  for (const e of all('.schedule [data-step]')) {
    const step = Number(e.dataset.step);
    e.classList.toggle('lit', step > 0 && step <= Number(moment.value));
  }
});

// Opens what the address points to, and what that is in.
const follow = () => {
  const id = decodeURIComponent(location.hash.slice(1));
  const target = id && document.getElementById(id);
  const own = target && target.querySelector(':scope > details');
  if (own) own.open = true;
  for (let d = target && target.closest('details'); d; d = d.parentElement.closest('details')) d.open = true;
};
addEventListener('hashchange', follow);
follow();

const details = all('details');
const openAll = document.getElementById('open-all');
openAll?.addEventListener('click', () => {
  const open = openAll.getAttribute('aria-pressed') !== 'true';
  openAll.setAttribute('aria-pressed', open);
  openAll.textContent = open ? 'Close all' : 'Open all';
  for (const d of details) d.open = open;
});

let closed = []; // but the rest of a long list is printed only if the reader has opened it
addEventListener('beforeprint', () => {
  closed = details.filter((d) => !d.open && !d.classList.contains('more'));
  for (const d of closed) d.open = true;
});
addEventListener('afterprint', () => { for (const d of closed) d.open = false; });
