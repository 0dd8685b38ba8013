import type { VNode } from 'preact';
export { h, render, Fragment } from 'preact';
export { useState, useEffect, useRef, useMemo, useCallback, useId } from 'preact/hooks';
export { signal, computed, effect, batch, useSignal, useComputed } from '@preact/signals';
export type { Signal } from '@preact/signals';
export function html(strings: TemplateStringsArray, ...values: any[]): VNode<any>;
