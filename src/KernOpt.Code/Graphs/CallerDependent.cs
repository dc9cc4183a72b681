using System.Collections.Frozen;
using KernOpt.Code.Images;

namespace KernOpt.Code.Graphs;

/// <summary>
/// Functions that decide by the return address which module calls them: dlsym(RTLD_NEXT, …) looks behind that one, dlopen takes its search path and its name space (dlsym(3), dlopen(3)). To them a call
/// from a region comes from no module.
/// </summary>
internal static class CallerDependent
{
    private static readonly FrozenSet<string> Names = FrozenSet.ToFrozenSet(["dlsym", "dlvsym", "dlopen", "dlmopen", "__libc_dlsym", "__libc_dlopen_mode"]);

    public static bool Is(CalledPlace called, ICodeSource source) => called.IsNamed(Names, source);
}
