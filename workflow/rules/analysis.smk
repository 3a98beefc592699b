# Models as predictors: figures 1 to 3 (section 4.1).


rule model_analysis:
    input:
        [],
