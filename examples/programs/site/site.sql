-- The database of the server: distances from the Sun in astronomical units.
CREATE TABLE planets (name TEXT PRIMARY KEY, distance REAL, moons INTEGER, visits INTEGER DEFAULT 0);
INSERT INTO planets (name, distance, moons) VALUES
    ('Mercury', 0.39, 0), ('Venus', 0.72, 0), ('Earth', 1.00, 1), ('Mars', 1.52, 2),
    ('Jupiter', 5.20, 95), ('Saturn', 9.54, 146), ('Uranus', 19.19, 28), ('Neptune', 30.07, 16);
