using KernOpt.Binary;

namespace KernOpt.Code.Images;

/// <summary>What the frames of a module do when the stack is unwound through them.</summary>
public enum UnwindHandling
{
    /// <summary>Nothing.</summary>
    None,
    /// <summary>Some run cleanups and go on (C with __attribute__((cleanup)), glibc's own locks).</summary>
    CleansUp,
    /// <summary>Some stop exceptions: C++, Rust, Ada and whatever else is not known to only clean up.</summary>
    Catches,
}

/// <summary>
/// Finds out what a module's frames do. The personality routine of C only ever runs cleanups; any other that is known by name may catch. In a stripped
/// static program the routine has no name, and the tables themselves tell whether anything is caught.
/// </summary>
internal static class UnwindHandlers
{
    private const string CPersonality = "__gcc_personality_v0";

    public static UnwindHandling Of(ModuleFile file)
    {
        if (file.Imports.Slots.Values.Contains("__cxa_begin_catch")) return UnwindHandling.Catches;
        var handling = file.Imports.Slots.Values.Contains("_Unwind_Resume") ? UnwindHandling.CleansUp : UnwindHandling.None;
        var names = new Dictionary<CommonEntry, string>();
        foreach (var entry in file.Unwind.Entries)
        {
            if (entry.Lsda is not { } lsda) continue;
            if (!names.TryGetValue(entry.Common, out var personality)) names.Add(entry.Common, personality = PersonalityOf(file, entry.Common));
            if (personality.Length == 0 ? ExceptionTable.CanCatch(file.Image, lsda) : personality != CPersonality) return UnwindHandling.Catches;
            handling = UnwindHandling.CleansUp;
        }
        return handling;
    }

    /// <summary>"" when it has no name: it lies in the module itself, and that is stripped.</summary>
    private static string PersonalityOf(ModuleFile file, CommonEntry common)
    {
        if (common.Personality is not { } pointer) return "";
        if (pointer.IsIndirect) return file.Imports.Slots.TryGetValue(pointer.Address, out var bound) ? bound : "";
        if (file.Imports.TryGetStub(pointer.Address, out var imported)) return imported;
        return file.Functions.FirstOrDefault(f => f.Range.Start == pointer.Address) is { Names: [var name, ..] } ? name : "";
    }
}
