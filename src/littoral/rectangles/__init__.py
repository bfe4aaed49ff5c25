"""Rectangles of equal size along lines.

Field names and options (ID, GroupId, SeqId, Previous, Next, Angle; sort UR, UL, LL, LR) are those of the GIS tool
*Generate Rectangles Along Lines*. Its placement rules are unpublished; these are the rules used here::

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
        from P2 towards the end E         S is length_m from E              none from P2 to E

        a bend tighter than a rectangle         a line or ring shorter than a rectangle

            P1____                              +---------------+    +---------------+
             |   / +--------+                   |     ____      |    |     .--.      |
             |  /  |  the chord leaves the      |  .-'    `-.   |    |    (    )     |
        +----P0----+  finger out: its line      |               |    |     `--'      |
             is part of line_m of this one       +---------------+    +---------------+

* Lines that continue each other form one chain (:mod:`littoral.shoreline.chains`); each stretch of one class along it
  gets its own rectangles. A chain starts at the end nearest to the chosen corner of its group's bounding box. A ring
  starts at its vertex nearest to that corner (if it has several classes, at a change of class) and runs
  counter-clockwise.
* P1 is the first point along the line at the straight-line distance ``length_m`` from P0. So rectangles join at the
  ends of their chords, and the line leaves a rectangle only where it bends more tightly than ``width_m / 2``. With
  ``spacing`` (or ``overlap``) the next P0 is the first point along the line at that straight-line distance from P0.
* The tail, the rest of the line shorter than ``length_m``, is treated as drawn if its uncovered part is longer than
  ``min_tail`` times ``length_m``; a shorter rest is part of ``line_m`` of the rectangle before it.
* A line too short for a chord gets one rectangle, centred on it (none with ``drop``).

Lines in degrees, or in a projection whose scale is off by more than 0.4 % (Web Mercator), are measured on the WGS 84
ellipsoid in geocentric metres, which is valid everywhere on Earth; other lines in their own projection.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
