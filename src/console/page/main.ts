/** The page: one model fed by the stream, five views of it, and the keys. */

import { HouseModel, shortCount } from '../drawing/house-model.ts';
import { escapeText } from '../drawing/svg.ts';
import type { ForPage, Hello } from '../stream.ts';
import { ChartView } from './chart-view.ts';
import { choice } from './choice.ts';
import { byId, show } from './dom.ts';
import { EventView } from './event-view.ts';
import { MessageView } from './message-view.ts';
import { RouteView } from './route-view.ts';
import { TreeView } from './tree-view.ts';

const RECONNECT_MS = 1000;
const TABS = ['routes', 'messages', 'charts'] as const;
type Tab = (typeof TABS)[number];

const model = new HouseModel();
const tree = new TreeView(model, chooseRow);
const routes = new RouteView(model, chooseActor);
const messages = new MessageView(model);
const charts = new ChartView(model, chooseRow);
const events = new EventView(model);
let tab: Tab = 'routes';
let scheduled = false;

function chooseRow(row: string): void {
  choice.row = row;
  const actor = model.actors.get(row);
  // A child that does not live has its name behind its supervisor's.
  choice.actor = actor?.name ?? row.slice(row.indexOf('/') + 1);
  if (actor?.machine) choice.machine = actor.machine;
  render();
}

function chooseActor(name: string): void {
  choice.actor = name === '' || name === choice.actor ? null : name;
  const actor = model.byName(name);
  choice.row = choice.actor === null ? null : (actor?.sessionId ?? null);
  if (actor?.machine) choice.machine = actor.machine;
  render();
}

function openTab(next: Tab): void {
  tab = next;
  for (const name of TABS) {
    const button = byId(`tab-${name}`);
    button.setAttribute('aria-selected', String(name === tab));
    button.tabIndex = name === tab ? 0 : -1;
    byId(name).hidden = name !== tab;
  }
  render();
}

function moveTab(by: number): void {
  const next = TABS[(TABS.indexOf(tab) + by + TABS.length) % TABS.length] ?? 'routes';
  openTab(next);
  byId(`tab-${next}`).focus();
}

function render(): void {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => {
    scheduled = false;
    tree.render();
    events.render();
    if (tab === 'routes') routes.render();
    if (tab === 'messages') messages.render();
    if (tab === 'charts') charts.render();
    renderTotals();
  });
}

function renderTotals(): void {
  const { hello, totals } = model;
  if (hello) {
    byId('node').textContent = `${hello.name} · ${hello.version} · pid ${hello.pid}`;
    document.title = `${hello.name} · mobius`;
    renderNeighbours(hello.neighbours);
  }
  if (!totals) return;
  const entries: readonly (readonly [string, string, boolean])[] = [
    ['actors', String(model.actors.size), false],
    ['messages', shortCount(totals.messages), false],
    ['a second', shortCount(model.rate), false],
    ['dead letters', shortCount(totals.deadLetters), totals.deadLetters > 0],
    ['not shown', shortCount(totals.dropped), false],
  ];
  const html = entries.map(
    ([name, value, bad]) =>
      `<div class="${bad ? 'bad' : ''}"><dt>${name}</dt><dd>${escapeText(value)}</dd></div>`,
  );
  show(byId('totals'), html.join(''));
}

function renderNeighbours(neighbours: Hello['neighbours']): void {
  const links = neighbours.map(
    ({ name, url }) => `<a href="${escapeText(url)}" target="_blank">${escapeText(name)}</a>`,
  );
  byId('neighbours').hidden = links.length === 0;
  show(byId('neighbours'), `<h2>Processes</h2>${links.join('')}`);
}

function connect(): void {
  const link = byId('link');
  const socket = new WebSocket(`ws://${location.host}/stream`);
  socket.onopen = () => {
    link.textContent = 'live';
    link.classList.add('on');
  };
  socket.onmessage = (message) => {
    model.apply(JSON.parse(String(message.data)) as ForPage[]);
    routes.warm();
    messages.warm();
    render();
  };
  socket.onclose = () => {
    link.textContent = 'not connected';
    link.classList.remove('on');
    setTimeout(connect, RECONNECT_MS);
  };
}

function setTheme(theme: string): void {
  document.documentElement.dataset['theme'] = theme;
  localStorage.setItem('theme', theme);
}

function turnTheme(): void {
  setTheme(document.documentElement.dataset['theme'] === 'dark' ? 'light' : 'dark');
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLInputElement || target instanceof HTMLSelectElement;
}

document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape' && isTyping(event.target)) (event.target as HTMLElement).blur();
  if (isTyping(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
  switch (event.key) {
    case 'ArrowLeft':
      moveTab(-1);
      break;
    case 'ArrowRight':
      moveTab(1);
      break;
    case '/':
      event.preventDefault();
      events.focusFilter();
      break;
    case 'p':
      events.pause();
      break;
    case 'd':
      turnTheme();
      break;
    case 'Escape':
      chooseActor('');
      break;
  }
});

for (const name of TABS) byId(`tab-${name}`).addEventListener('click', () => openTab(name));
byId('theme').addEventListener('click', turnTheme);
setTheme(
  new URLSearchParams(location.search).get('theme') ??
    localStorage.getItem('theme') ??
    (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'),
);
const wanted = location.hash.slice(1).split('=');
choice.machine = wanted[1] ?? null;
openTab(TABS.find((name) => name === wanted[0]) ?? 'routes');
connect();
