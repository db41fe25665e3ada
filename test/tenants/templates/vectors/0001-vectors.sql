CREATE TABLE vectors (id text PRIMARY KEY, v real[{{dimensions}}], m int DEFAULT {{m}});
