#!/usr/bin/env python3
"""storyworld: a word-level text generator whose every token carries its ground-truth labels.

Sentences come from templates with latent variables (which city, which addends, whose hat).
Every draw of a latent is booked in nats, so the generator's own entropy, the best loss a
model can reach, is known.

  python3 text.py --out DIR     writes tokens, labels and the vocabulary to DIR
"""
import argparse
import math
import os

import numpy as np

T = 64  # tokens of a sequence


# ---------------------------------------------------------------- the world

def rows(words):
    """'a b, c d' -> [('a', 'b'), ('c', 'd')]."""
    return [tuple(row.split()) for row in words.split(',')]


def invent(n, endings, rng, used):
    """n new names of two syllables and an ending; `used` keeps them apart."""
    out = []
    while len(out) < n:
        name = ''
        for _ in range(2):
            name += rng.choice(list('bdfgklmnprstvz')) + rng.choice(list('aeiou'))
        name += rng.choice(endings)
        if name not in used:
            used.add(name)
            out.append(name)
    return out


def places_of_the_world():
    """24 states, their capitals, and 48 cities: city i lies in state i % 24."""
    rng = np.random.default_rng(7)
    used = set()
    states = invent(24, ['lia', 'ria'], rng, used)
    capitals = invent(24, ['grad', 'polis'], rng, used)
    cities = invent(48, ['ton', 'ville'], rng, used)
    return states, capitals, cities


STATES, CAPITALS, CITIES = places_of_the_world()
NUMBERS = (
    'zero one two three four five six seven eight nine ten eleven twelve thirteen '
    'fourteen fifteen sixteen seventeen eighteen').split()
ADJ = rows(  # two opposites in English, the same two in Spanish
    'small big pequeno grande, hot cold caliente frio, fast slow rapido lento,'
    'old young viejo joven, tall short alto bajo, good bad bueno malo,'
    'hard soft duro blando, wet dry mojado seco, rich poor rico pobre,'
    'full empty lleno vacio, light dark claro oscuro, strong weak fuerte debil,'
    'clean dirty limpio sucio, wide narrow ancho estrecho, sweet bitter dulce amargo,'
    'loud quiet ruidoso callado')
ANIMALS = rows(  # singular, plural, Spanish
    'fox foxes zorro, dog dogs perro, cat cats gato, bear bears oso, wolf wolves lobo,'
    'bird birds pajaro, horse horses caballo, mouse mice raton, frog frogs sapo,'
    'duck ducks pato')
COLOURS = rows(
    'red rojo, blue azul, green verde, black negro, white blanco, brown marron,'
    'yellow amarillo, grey gris')
PLACES = rows(
    'river rio, forest bosque, house hogar, bridge puente, market mercado,'
    'garden jardin, lake lago, road camino, hill cerro, field campo')
OBJECTS = 'ball book hat cup key lamp coat drum box rope'.split()
FEMALE = 'mia ana eva lucy sara nora lena rosa clara ida'.split()
MALE = 'leo tom max hugo ben paul oscar ivan karl felix'.split()
PEOPLE = [(name, 'f') for name in FEMALE] + [(name, 'm') for name in MALE]
VERBS = rows('runs run, sleeps sleep, jumps jump, hides hide, waits wait, sings sing')
FUNC_EN = (
    'the a capital of state containing is in plus opposite means saw near she he her his '
    'liked gave to then thanked has was happy it').split()
FUNC_ES = 'el opuesto de es vio un cerca del ella quiere luego'.split()
SHE = {'f': 'she', 'm': 'he'}
HER = {'f': 'her', 'm': 'his'}
ELLA = {'f': 'ella', 'm': 'el'}


def dictionary():
    """{word: (class, [concepts], language or None)}; the order gives the token ids."""
    info = {'<bos>': ('bos', [], None), '.': ('punct', [], None)}
    for state, capital in zip(STATES, CAPITALS):
        info[state] = ('state', ['state=' + state], None)
        info[capital] = ('capital', ['state=' + state], None)
    for i, city in enumerate(CITIES):
        info[city] = ('city', ['state=' + STATES[i % 24]], None)
    for i, number in enumerate(NUMBERS):
        info[number] = ('number', ['digit=%d' % i], None)
    for pair in ADJ:
        for j, word in enumerate(pair):
            concepts = ['adj=' + pair[j % 2], 'pair=' + pair[0]]
            info[word] = ('adj', concepts, 'en' if j < 2 else 'es')
    for sg, pl, es in ANIMALS:
        info[sg] = ('animal', ['animal=' + sg, 'number=sg'], 'en')
        info[pl] = ('animal', ['animal=' + sg, 'number=pl'], 'en')
        info[es] = ('animal', ['animal=' + sg, 'number=sg'], 'es')
    for kind, table in (('colour', COLOURS), ('place', PLACES)):
        for en, es in table:
            info[en] = (kind, [kind + '=' + en], 'en')
            info[es] = (kind, [kind + '=' + en], 'es')
    for word in OBJECTS:
        info[word] = ('object', ['object=' + word], 'en')
    for name, gender in PEOPLE:
        info[name] = ('name', ['name=' + name, 'gender=' + gender], None)
    for sg, pl in VERBS:
        info[sg] = ('verb', ['verb=' + pl, 'number=sg'], 'en')
        info[pl] = ('verb', ['verb=' + pl, 'number=pl'], 'en')
    for word in FUNC_EN:
        info[word] = ('func', [], 'en')
    for word in FUNC_ES:
        info[word] = ('func', [], 'es')
    for word in ('she', 'her'):
        info[word] = ('pronoun', ['gender=f'], 'en')
    for word in ('he', 'his'):
        info[word] = ('pronoun', ['gender=m'], 'en')
    info['ella'] = ('pronoun', ['gender=f'], 'es')
    return info


INFO = dictionary()
VOCAB = list(INFO)
ID = {word: i for i, word in enumerate(VOCAB)}


# ---------------------------------------------------------------- combinations kept out of training

ALL_OPPOSITES = [  # (pair, side, language of the word, language of the frame)
    (pair, side, word, frame)
    for pair in range(16) for side in (0, 1) for word in (0, 1) for frame in (0, 1)]


def held_out():
    """8 cities (only their two-hop sentence), 5 unordered pairs of addends in both orders, and
    12 opposites asked in one language about a word of the other."""
    rng = np.random.default_rng(11)
    cities = sorted(int(i) for i in rng.choice(48, 8, replace=False))
    sums = []
    while len(sums) < 10:
        a, b = (int(x) for x in rng.integers(1, 9, 2))
        if a != b and (a, b) not in sums:
            sums += [(a, b), (b, a)]
    crossed = [c for c in ALL_OPPOSITES if c[2] != c[3]]
    opposites = [crossed[int(i)] for i in rng.choice(len(crossed), 12, replace=False)]
    return cities, sums, opposites


HELD_CITIES, HELD_SUMS, HELD_OPPOSITES = held_out()
TWO_HOP = [c for c in range(48) if c not in HELD_CITIES]
SUMS = [(a, b) for a in range(10) for b in range(10) if (a, b) not in HELD_SUMS]
OPPOSITES = [c for c in ALL_OPPOSITES if c not in HELD_OPPOSITES]


# ---------------------------------------------------------------- sentences

class Sentence:
    """Collects the tokens of one sentence, their labels and their cost in nats."""

    def __init__(self, rng, slot, labels=True):
        self.rng = rng
        self.slot = slot          # first half of the label slot=template.word
        self.want_labels = labels
        self.tokens = []
        self.labels = []
        self.nats = []
        self.cost = 0.0           # of the draws since the last token; booked on the next one
        self.context = []         # latents the words so far have fixed

    def pick(self, choices):
        self.cost += math.log(len(choices))
        return choices[int(self.rng.random() * len(choices))]

    def know(self, *latents):
        """From the next token on these latents are known."""
        self.context += latents

    def emit(self, word, role='frame'):
        self.tokens.append(ID[word])
        self.nats.append(self.cost)
        self.cost = 0.0
        if self.want_labels:
            kind, concepts, language = INFO[word]
            labels = ['tok=' + word, 'class=' + kind] + concepts
            if language:
                labels.append('lang=' + language)
            labels.append('role=' + role)
            labels.append('slot=%s.%d' % (self.slot, len(self.tokens) - 1))
            self.labels.append(labels + ['ctx:' + latent for latent in self.context])

    def say(self, words):
        for word in words.split():
            self.emit(word)

    def stop(self):
        self.emit('.', 'stop')

    def answer(self, word):
        self.emit(word, 'answer')
        self.stop()


# A template draws its latents unless they are given, and says them.

def two_hop(s, city=None):
    s.know('frame=capital')
    s.say('the capital of the state containing')
    if city is None:
        city = s.pick(TWO_HOP)
    state = city % 24
    s.know('state=' + STATES[state])
    s.emit(CITIES[city], 'city')
    s.emit('is', 'ask')
    s.answer(CAPITALS[state])


def state_capital(s, state=None):
    s.know('frame=capital')
    s.say('the capital of the state')
    if state is None:
        state = s.pick(range(24))
    s.know('state=' + STATES[state])
    s.emit(STATES[state], 'state')
    s.emit('is', 'ask')
    s.answer(CAPITALS[state])


def city_state(s, city=None):
    if city is None:
        city = s.pick(range(48))
    state = STATES[city % 24]
    s.know('frame=city', 'state=' + state)
    s.emit(CITIES[city], 'city')
    s.say('is in the')
    s.emit('state', 'ask')
    s.answer(state)


def addition(s, addends=None):
    if addends is None:
        addends = s.pick(SUMS)
    a, b = addends
    later = math.log(sum(pair[0] == a for pair in SUMS))  # the share of b, booked with b
    s.cost -= later
    s.know('frame=add', 'a=%d' % a)
    s.emit(NUMBERS[a], 'addend1')
    s.emit('plus')
    s.cost += later
    s.know('b=%d' % b, 'sum=%d' % (a + b))
    s.emit(NUMBERS[b], 'addend2')
    s.emit('is', 'ask')
    s.answer(NUMBERS[a + b])


def opposite(s, combination=None):
    if combination is None:
        combination = s.pick(OPPOSITES)
    pair, side, word, frame = combination
    later = math.log(sum(c[3] == frame for c in OPPOSITES))
    s.cost -= later
    s.know('frame=opposite', 'lang=' + ('en', 'es')[frame])
    s.say(('the opposite of', 'el opuesto de')[frame])
    s.cost += later
    s.know('adj=' + ADJ[pair][side])
    s.emit(ADJ[pair][side + 2 * word], 'word')
    s.emit(('is', 'es')[frame], 'ask')
    s.answer(ADJ[pair][1 - side + 2 * frame])


TRANSLATIONS = [(words[i], words[i + 2]) for words in ADJ for i in (0, 1)]
TRANSLATIONS += [(sg, es) for sg, _, es in ANIMALS] + COLOURS + PLACES


def translation(s):
    en, es = s.pick(TRANSLATIONS)
    s.know('frame=translate')
    s.emit(es, 'word')
    s.emit('means', 'ask')
    s.answer(en)


def story_saw(s):
    """Gender of the pronoun, recall of the animal."""
    who, gender = s.pick(PEOPLE)
    s.know('frame=story', 'lang=en', 'subj=' + gender)
    s.emit(who, 'subject')
    s.say('saw a')
    s.emit(s.pick(COLOURS)[0], 'modifier')
    animal = s.pick(ANIMALS)[0]
    s.know('seen=' + animal)
    s.emit(animal, 'object')
    s.say('near the')
    s.emit(s.pick(PLACES)[0], 'place')
    s.stop()
    s.emit(SHE[gender], 'subject')
    s.say('liked the')
    s.emit(animal, 'object')
    s.stop()


def story_es(s):
    """The same in Spanish."""
    who, gender = s.pick(PEOPLE)
    s.know('frame=story', 'subj=' + gender)
    s.emit(who, 'subject')
    s.know('lang=es')
    s.say('vio un')
    animal = s.pick(ANIMALS)
    s.know('seen=' + animal[0])
    s.emit(animal[2], 'object')
    s.emit(s.pick(COLOURS)[1], 'modifier')
    s.say('cerca del')
    s.emit(s.pick(PLACES)[1], 'place')
    s.stop()
    s.emit(ELLA[gender], 'subject')
    s.say('quiere un')
    s.emit(animal[2], 'object')
    s.stop()


def story_gave(s):
    """Two names come again (induction)."""
    giver, gender = s.pick(PEOPLE)
    s.know('frame=story', 'lang=en', 'subj=' + gender)
    s.emit(giver, 'subject')
    s.say('gave the')
    s.emit(s.pick(OBJECTS), 'object')
    s.emit('to')
    taker, _ = s.pick([person for person in PEOPLE if person[0] != giver])
    s.emit(taker, 'recipient')
    s.stop()
    s.emit('then')
    s.emit(taker, 'subject')
    s.emit('thanked')
    s.emit(giver, 'recipient')
    s.stop()


def story_has(s):
    """Recall of an attribute."""
    who, gender = s.pick(PEOPLE)
    s.know('frame=story', 'lang=en', 'subj=' + gender)
    s.emit(who, 'subject')
    s.say('has a')
    colour = s.pick(COLOURS)[0]
    s.emit(colour, 'modifier')
    thing = s.pick(OBJECTS)
    s.know('own=' + colour)
    s.emit(thing, 'object')
    s.stop()
    s.emit(HER[gender], 'subject')
    s.emit(thing, 'object')
    s.emit('is', 'ask')
    s.answer(colour)


def story_agree(s):
    """Agreement of subject and verb, half of the time across a second noun."""
    number = s.pick((0, 1))
    other = s.pick((0, 1))
    s.know('frame=agree', 'lang=en')
    s.emit('the')
    s.know('subj=' + ('sg', 'pl')[number])
    s.emit(s.pick(ANIMALS)[number], 'subject')
    if s.pick((0, 1)):
        s.say('near the')
        s.emit(s.pick(ANIMALS)[other], 'attractor')
    else:
        s.cost -= math.log(2)  # `other` was drawn and not used: no cost
    s.emit(s.pick(VERBS)[number], 'verb')
    s.say('in the')
    s.emit(s.pick(PLACES)[0], 'place')
    s.stop()


SLOTS = {  # template: the name of its word slots
    two_hop: 'capital', state_capital: 'capital', city_state: 'city', addition: 'add',
    opposite: 'opposite', translation: 'translate', story_saw: 'saw', story_es: 'vio',
    story_gave: 'gave', story_has: 'has', story_agree: 'agree'}
TEMPLATES = list(SLOTS)
PROB = np.array([.17, .08, .10, .14, .21, .06, .06, .05, .05, .04, .04])
PROB /= PROB.sum()
CUMULATIVE = np.cumsum(PROB)
CUMULATIVE[-1] = 1.0


# ---------------------------------------------------------------- sequences and prompts

def next_labels(labels):
    """What is said of the token to be predicted: its word, class and concepts."""
    skip = ('ctx:', 'role=', 'slot=', 'lang=')
    return ['next:' + label for label in labels if not label.startswith(skip)]


def sequence(rng, want_labels=True):
    """<bos> and whole sentences, cut at T tokens; returns tokens, labels, nats (lists of T)."""
    tokens = [ID['<bos>']]
    labels = [['tok=<bos>', 'class=bos']]
    nats = [0.0]
    while len(tokens) <= T:  # one token more than T: the last position has a next token too
        k = int(np.searchsorted(CUMULATIVE, rng.random()))
        template = TEMPLATES[k]
        s = Sentence(rng, SLOTS[template], want_labels)
        s.cost = -math.log(PROB[k])
        template(s)
        tokens += s.tokens
        labels += s.labels
        nats += s.nats
    if want_labels:
        labels = [labels[i] + next_labels(labels[i + 1]) for i in range(T)]
    return tokens[:T], labels, nats[:T]


def make(seed, n, want_labels=True):
    """n sequences: tokens int32 [n, T], labels (n * T lists, None if not wanted), nats [n, T]."""
    rng = np.random.default_rng(seed)
    sequences = [sequence(rng, want_labels) for _ in range(n)]
    tokens = np.array([tok for tok, _, _ in sequences], np.int32)
    nats = np.array([nat for _, _, nat in sequences], np.float32)
    labels = None
    if want_labels:
        labels = [label for _, lab, _ in sequences for label in lab]
    return tokens, labels, nats


def prompt(template, latents):
    """<bos> and the sentence up to its answer; returns token ids, answer id, labels."""
    s = Sentence(np.random.default_rng(0), SLOTS[template])
    template(s, latents)
    return [ID['<bos>']] + s.tokens[:-2], s.tokens[-2], [['role=bos']] + s.labels[:-2]


SPLITS = {  # skill: its template and the latents to test
    'two_hop/train': (two_hop, TWO_HOP),
    'two_hop/heldout': (two_hop, HELD_CITIES),
    'state_capital': (state_capital, range(24)),
    'city_state': (city_state, range(48)),
    'addition/train': (addition, SUMS),
    'addition/heldout': (addition, HELD_SUMS),
    'opposite/train': (opposite, OPPOSITES),
    'opposite/heldout': (opposite, HELD_OPPOSITES)}


def save(out, name, seed, n):
    """Writes NAMEtokens.npy and NAMElabels.tsv."""
    tokens, labels, nats = make(seed, n)
    np.save(f'{out}/{name}tokens.npy', tokens)
    with open(f'{out}/{name}labels.tsv', 'w') as f:
        for i, row in enumerate(labels):
            f.write('\t'.join([str(i)] + row) + '\n')
    distinct = {label for row in labels for label in row}
    print(f'{name}tokens {tokens.shape}  generator entropy {nats[:, 1:].mean():.4f} nats/token  '
          f'labels {len(distinct)}')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--out', required=True)
    args = parser.parse_args()
    os.makedirs(args.out, exist_ok=True)
    with open(args.out + '/vocab.txt', 'w') as f:
        f.write('\n'.join(VOCAB) + '\n')
    print('vocabulary', len(VOCAB))
    save(args.out, '', 101, 64)
    save(args.out, 'heldout_', 202, 512)


if __name__ == '__main__':
    main()
