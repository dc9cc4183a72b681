using System.Collections.Immutable;
using KernOpt.Binary;

namespace KernOpt.Code.Images;

/// <summary>A function as its file has it, wherever the file is loaded. Names: the best known first, exported before local.</summary>
public sealed record FunctionFact(FileRange Range, ImmutableArray<string> Names, FunctionOrigin Origin, bool HasLandingPads, bool IsFragment);
