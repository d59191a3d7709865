# A packaged pipeline and nothing else, to build upon. Build it in the root of the
# repository, where packages/dist has the wheels of the pipeline and of spacy-crf-tagger:
#     docker build -f examples/serve/pipeline.Dockerfile -t mine .
#     docker run mine python -m spacy crf show en_mine "Ada Merrick drew Saturn."
FROM python:3.11-slim
ENV OMP_NUM_THREADS=1 NUMBA_CACHE_DIR=/opt/kernels
COPY constraints.txt packages/dist/*.whl /wheels/
RUN pip install --no-cache-dir "$(grep ^torch== /wheels/constraints.txt)" \
        --index-url https://download.pytorch.org/whl/cpu \
 && pip install --no-cache-dir --constraint /wheels/constraints.txt /wheels/*.whl
RUN mkdir /opt/kernels && python -m spacy crf warm-up
