using System.Globalization;
using KernOpt.Target;

namespace KernOpt.Linux.Regions;

/// <summary>What is in use of an address space, with the room of what grows.</summary>
internal static class Occupied
{
    /// <summary>Nothing of ours goes below or above.</summary>
    public const ulong Lowest = 1UL << 20, Highest = 0x7fff_ffff_f000;

    /// <summary>How far the program break may grow above the heap's end, and the stack below its end.</summary>
    private const ulong HeapRoom = 512UL << 20, StackRoom = 128UL << 20;

    /// <summary>Ranges in order of their starts; they may overlap.</summary>
    public static List<(ulong Start, ulong End)> Ranges(TargetMap map, Address programBreak)
    {
        var taken = new List<(ulong Start, ulong End)>();
        var heapEnd = programBreak.Value;
        foreach (var mapping in map.Mappings)
        {
            var start = mapping.Range.Start.Value;
            if (mapping.Path == "[stack]") start = start > StackRoom ? start - StackRoom : 0;
            if (mapping.Path == "[heap]") heapEnd = Math.Max(heapEnd, mapping.Range.End.Value);
            taken.Add((start, mapping.Range.End.Value));
        }
        if (programBreak.Value != 0) taken.Add((programBreak.Value, heapEnd + HeapRoom));
        taken.Sort();
        return taken;
    }

    /// <summary>Where the program break starts (start_brk, field 47 of /proc/PID/stat), or 0.</summary>
    public static Address ProgramBreak(int pid)
    {
        try
        {
            var text = File.ReadAllText($"/proc/{pid}/stat");
            var fields = text[(text.LastIndexOf(')') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
            return fields.Length > 44 && ulong.TryParse(fields[44], CultureInfo.InvariantCulture, out var start) ? new(start) : Address.Zero;
        }
        catch (IOException)
        {
            return Address.Zero;
        }
    }
}
