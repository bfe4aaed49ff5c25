"""Lines to rectangles: walking a line in metres.

The vocabulary (ID, GroupId, SeqId, Previous, Next, Angle; sort UR, UL, LL, LR) is that of the GIS tool *Generate
Rectangles Along Lines*. Where that tool leaves its rule unpublished, this is ours::

        P0 ------chord, length_m------ P1            the next P0 is this P1
        +------------------------------+
        |   .--.        _.--._         |
        P0-'    `--.__.'      `-.__.---P1   width_m, half on each side of the chord
        |                              |
        +------------------------------+

        tail="full"                       tail="shift_back"                 tail="drop"
        +-------+-------+-------+         +-------+--+----+--+              +-------+-------+
        P0------P1------P2--E   |         P0------P1-S----P2-E              P0------P1------P2--E
        +-------+-------+-------+         +-------+--+----+--+              +-------+-------+
        from P2 towards the end E         S is length_m from E              P2 to E has none

        a bend tighter than a rectangle         a line shorter than one, and a small ring

            P1____                              +---------------+    +---------------+
             |   / +--------+                   |     ____      |    |     .--.      |
             |  /  |  the chord leaves the      |  .-'    `-.   |    |    (    )     |
        +----P0----+  finger out: its line      |               |    |     `--'      |
             counts as line_m of this one       +---------------+    +---------------+

* Lines that go on in one another are one chain (:mod:`littoral.shoreline.chains`); each stretch of one class is
  walked by itself. A chain starts at the end nearest to the chosen corner of its group's bounding box, a ring at its
  vertex nearest to that corner (at a change of class, where it has several) and runs counter-clockwise.
* P1 is the first point further along at the straight-line distance ``length_m`` from P0, so rectangles join at the
  ends of their chords, and the line leaves a rectangle only where it bends more tightly than ``width_m / 2``. With a
  ``spacing`` (or ``overlap``) the next P0 is the first point further along at that straight distance from this P0.
* The tail, shorter than ``length_m``, is dealt with as drawn, if more than ``min_tail`` of a length is left uncovered;
  what is left of a shorter one counts to the rectangle before it.
* A line on which no chord fits gets one rectangle, centred on it (none with ``drop``).

Lines in degrees, or in a projection that stretches them by more than 0.4 % (Web Mercator), are walked on the WGS 84
ellipsoid in geocentric metres: no zone, no pole and no antimeridian gets in the way. Others are walked in their own
plane.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
